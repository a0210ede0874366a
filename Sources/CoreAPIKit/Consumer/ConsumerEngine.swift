internal import CoreAPIBase
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging
internal import Synchronization

/// Runs a consumer: performs the actions of `ConsumerStateMachine` with two tasks and two
/// connections.
///
/// One task fetches: it claims due entries, then blocks for new ones, for at most a second. A
/// blocked connection answers no other command, so all other commands use the second connection.
/// The second task extends the lease of the deliveries in hand and tidies the stream up.
final class ConsumerEngine: Sendable {
    typealias Machine = ConsumerStateMachine<Suspension<Delivery?>>

    private struct State {
        var machine: Machine
        /// The fetching task, suspended while there is no room.
        var fetcher: Suspension<Void>?
        /// The task that extends leases.
        var keeper: Task<Void, Never>?
        var warningLimit = WarningLimit()
    }

    let options: ConsumerOptions
    let commands: ConsumerCommands
    let logger: Logger
    let metrics: ConsumerMetrics?
    /// For commands that do not block.
    let connection: RedisConnection
    /// For XREADGROUP, which blocks.
    private let readConnection: RedisConnection
    private let state: Mutex<State>

    /// Connects, creates the group if it is missing, and starts both tasks.
    init(
        url: RedisURL, key: String, group: String, options: ConsumerOptions,
        tls: TLSContext?
    ) async throws(ConsumerError) {
        self.options = options
        commands = ConsumerCommands(key: key, group: group, consumer: options.name)
        var logger = options.logger
        logger[metadataKey: "stream"] = "\(key)"
        logger[metadataKey: "group"] = "\(group)"
        logger[metadataKey: "consumer"] = "\(options.name)"
        self.logger = logger
        metrics = ConsumerMetrics(options.metrics, key: key, group: group)
        state = Mutex(
            State(
                machine: Machine(
                    prefetch: options.prefetch,
                    handlingMilliseconds: options.handlingTimeMax.wholeMilliseconds)))
        do {
            connection = try await RedisConnection(
                opening: url,
                options: RedisConnection.Options(
                    scripts: ConsumerScripts.all, tls: tls, metrics: options.metrics),
                logger: logger)
            readConnection = try await RedisConnection(
                opening: url,
                options: RedisConnection.Options(tls: tls, metrics: options.metrics),
                logger: logger)
            try await join()
        } catch { throw ConsumerError(error) }
        Task { await fetch() }
        let keeper = Task { await keep() }
        state.withLock { $0.keeper = keeper }
    }

    // MARK: - From any thread

    /// The next delivery; nil once the consumer has stopped.
    func next() async throws(ConsumerError) -> Delivery? {
        let delivery = await withTaskCancellationHandler {
            await Suspension.value { waiter in request(waiter) }
        } onCancel: {
            stop()
        }
        if let delivery { return delivery }
        await leave()
        if let failure = state.withLock({ $0.machine.failure }) { throw failure }
        return nil
    }

    /// If every delivery is settled, waits until the consumer has left its group: the process may
    /// exit afterwards.
    private func leave() async {
        let keeper = state.withLock { $0.machine.isFinished ? $0.keeper : nil }
        await keeper?.value
    }

    private func request(_ waiter: Suspension<Delivery?>) {
        let action = state.withLock { $0.machine.requested(waiter, now: .now()) }
        switch action {
        case .deliver(let serial, let entry):
            waiter.resume(returning: delivery(serial, entry))
            wakeFetcher()
        case .wait: wakeFetcher()
        case .end: waiter.resume(returning: nil)
        }
    }

    private func delivery(_ serial: Machine.Serial, _ entry: Machine.Entry) -> Delivery {
        metrics?.delivered(attempt: entry.name.attempt)
        return Delivery(serial, entry, of: self)
    }

    /// Starts to drain.
    func stop() {
        state.withLock { $0.machine.stopped() }
        wakeFetcher()
    }

    func isHeld(_ serial: Machine.Serial) -> Bool {
        state.withLock { $0.machine.isHeld(serial) }
    }

    func isKept(_ serial: Machine.Serial) -> Bool {
        state.withLock { $0.machine.isKept(serial) }
    }

    func processed(_ serial: Machine.Serial) {
        state.withLock { $0.machine.processed(serial) }
    }

    func isProcessed(_ serial: Machine.Serial) -> Bool {
        state.withLock { $0.machine.isProcessed(serial) }
    }

    /// Forgets a delivery, which makes room for another one.
    func settle(_ serial: Machine.Serial) {
        state.withLock { $0.machine.settled(serial) }
        wakeFetcher()
        wakeKeeperAtTheEnd()
    }

    // MARK: - Commands

    /// Executes a command and returns its reply. A lasting error (`isLastingForConsumer`) of any
    /// command ends the sequence.
    ///
    /// - Parameters:
    ///   - step: the command's purpose, for the log.
    ///   - other: nil for the connection of commands that do not block.
    func reply(
        _ command: RedisCommand, for step: String, on other: RedisConnection? = nil
    ) async throws(RedisError) -> RedisReply {
        do { return try await (other ?? connection).execute(command) } catch {
            let reason = error.reason
            if reason.isLastingForConsumer { giveUp(reason, step) }
            throw reason
        }
    }

    private func giveUp(_ reason: RedisError, _ step: String) {
        guard state.withLock({ $0.machine.failed(ConsumerError(reason)) }) else { return }
        logger.error(
            "the consumer gives up", metadata: ["step": "\(step)", "reason": "\(reason)"])
        wakeFetcher()
    }

    /// Logs a passing failure, with a rate limit. `giveUp` logs lasting ones.
    func warn(_ message: Logger.Message, _ reason: RedisError) {
        guard !reason.isLastingForConsumer,
            state.withLock({ $0.warningLimit.isDue(now: .now()) })
        else { return }
        logger.warning(message, metadata: ["reason": "\(reason)"])
    }

    // MARK: - Fetching

    private func fetch() async {
        var schedule = FetchSchedule(options, now: .now())
        while await hasRoom() { await fetchOnce(&schedule) }
        await giveBack()
        let waiters = state.withLock { $0.machine.ended() }
        for waiter in waiters { waiter.resume(returning: nil) }
        wakeKeeperAtTheEnd()
    }

    /// Waits for room. Returns false once the consumer is stopping.
    private func hasRoom() async -> Bool {
        await Suspension<Void>.value { waiter in
            state.withLock { $0.fetcher = waiter }
            wakeFetcher()
        }
        return state.withLock { $0.machine.isRunning }
    }

    private func wakeFetcher() {
        let fetcher = state.withLock { state in
            guard state.machine.room > 0 || !state.machine.isRunning else {
                return nil as Suspension<Void>?
            }
            return state.fetcher.take()
        }
        fetcher?.resume(returning: ())
    }

    private var room: Int { state.withLock { $0.machine.room } }

    /// Claims if a claim is due, then reads if there is still room. Backs off after a failure.
    private func fetchOnce(_ schedule: inout FetchSchedule) async {
        do throws(RedisError) {
            if let scans = schedule.claimIsDue(now: .now()) {
                let command = commands.claim(
                    room: room, attemptsMax: options.attemptsMax,
                    visibilityMilliseconds: options.visibilityTimeout.wholeMilliseconds,
                    scans: scans)
                let claimed = try ClaimedEntries(reply: await reply(command, for: "claim"))
                for entry in claimed.deadLettered {
                    deadLettered(entry, reason: "not acknowledged")
                }
                removed(claimed.removed)
                await deliver(claimed.entries)
            }
            let room = room
            if room > 0 {
                let command = commands.read(
                    count: room, blockMilliseconds: schedule.blockMilliseconds)
                let read = try await reply(command, for: "read", on: readConnection)
                await deliver(try ReceivedEntry.list(read: read))
            }
            schedule.succeeded()
        } catch {
            guard !error.isLastingForConsumer else { return }
            warn("entries cannot be fetched", error)
            let pauseMilliseconds = schedule.failed()
            // If the group or the stream is gone, the error depends on the command and on the
            // version of Redis.
            if case .server(let answer) = error, [.noGroup, .other].contains(answer.kind) {
                try? await join()
            }
            try? await Task.sleep(for: .milliseconds(pauseMilliseconds))
        }
    }

    /// Creates the group if it is missing, and joins it.
    private func join() async throws(RedisError) {
        do { _ = try await reply(commands.createGroup, for: "make the group") } catch {
            guard case .server(let answer) = error, answer.kind == .groupExists else {
                throw error
            }
        }
        _ = try await reply(commands.join, for: "join the group")
    }

    /// Delivers the transactions, and moves entries that are not transactions to the dead-letter
    /// stream.
    private func deliver(_ received: [ReceivedEntry]) async {
        var entries: [Machine.Entry] = []
        var flawed: [(ReceivedEntry, StreamEntryFlaw)] = []
        for entry in received {
            do throws(StreamEntryFlaw) {
                let transaction = try StreamEntry.decode(entry.words)
                entries.append(
                    Machine.Entry(name: entry.name, transaction: transaction))
            } catch { flawed.append((entry, error)) }
        }
        let handovers = state.withLock { $0.machine.received(entries, now: .now()) }
        for handover in handovers {
            handover.waiter.resume(returning: delivery(handover.serial, handover.entry))
        }
        // If the dead letter cannot be written now, the entry stays pending and is claimed later.
        for (entry, flaw) in flawed {
            await deadLetter(entry.name, reason: "\(flaw)")
        }
    }

    /// Returns the entries that no handler took to the group: they are due at once, and their
    /// delivery does not count as an attempt.
    private func giveBack() async {
        let entries = state.withLock { $0.machine.takeBuffer() }
        guard !entries.isEmpty else { return }
        do throws(RedisError) {
            let command = commands.giveBack(entries.map(\.name))
            removed(try DeliveryName.ids(of: await reply(command, for: "give back")))
        } catch {
            // They stay pending: a consumer claims them after the visibility timeout.
            logger.notice(
                "untaken deliveries could not be given back", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: - Leases

    /// Extends the lease of the deliveries in hand until all are settled, then leaves the group.
    private func keep() async {
        let pause = min(options.visibilityTimeout / 3, ConsumerEngine.keepPauseMax)
        while !state.withLock({ $0.machine.isFinished }) {
            // If the group is gone, the fetching task creates it again.
            do throws(RedisError) { try await extend() } catch {
                warn("the lease of the deliveries could not be extended", error)
            }
            do throws(RedisError) { _ = try await reply(commands.tidy(), for: "tidy up") } catch {
                warn("the stream could not be tidied up", error)
            }
            // `wakeKeeperAtTheEnd` cancels this sleep, so that the end does not wait for it.
            try? await Task.sleep(for: pause)
        }
        _ = try? await reply(commands.leave, for: "leave the group")
        readConnection.close()
        connection.close()
    }

    /// The longest time between two signs of life in `XINFO CONSUMERS`, for health checks.
    private static let keepPauseMax = Duration.seconds(60)

    private func extend() async throws(RedisError) {
        let kept = state.withLock { $0.machine.keep(now: .now()) }
        wakeFetcher()
        guard !kept.isEmpty else { return }
        let command = commands.extend(Array(kept.values))
        let unkept = try UnkeptDeliveries(reply: await reply(command, for: "extend the lease"))
        let lost = kept.filter { unkept.lost.contains($0.value.text) }.keys
        let gone = Set(unkept.removed)
        let count = state.withLock { state in
            state.machine.removed(kept.filter { gone.contains($0.value.id) }.keys)
            return state.machine.lost(lost)
        }
        removed(unkept.removed)
        guard count > 0 else { return }
        logger.notice("other consumers have claimed deliveries", metadata: ["count": "\(count)"])
        wakeFetcher()
    }

    /// Ends the sleep of the lease task once every delivery is settled.
    private func wakeKeeperAtTheEnd() {
        let keeper = state.withLock { $0.machine.isFinished ? $0.keeper : nil }
        keeper?.cancel()
    }
}
