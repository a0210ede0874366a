internal import CoreAPIBase
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging
internal import Synchronization

/// What runs a consumer: does what `ConsumerStateMachine` says, by two tasks and two connections.
///
/// One task fetches: it claims what is due, then waits for new entries, for no more than a second.
/// Redis answers nothing else on that connection meanwhile, so everything else goes over the other
/// one. The second task keeps what is held, and tidies up.
final class ConsumerEngine: Sendable {
    typealias Machine = ConsumerStateMachine<Suspension<Delivery?>>

    private struct State {
        var machine: Machine
        /// The task that fetches, while there is no room.
        var fetcher: Suspension<Void>?
        /// The task that keeps.
        var keeper: Task<Void, Never>?
        var warningLimit = WarningLimit()
    }

    let options: ConsumerOptions
    let commands: ConsumerCommands
    let logger: Logger
    let metrics: ConsumerMetrics?
    /// For what is answered at once.
    let connection: RedisConnection
    private let readConnection: RedisConnection
    private let state: Mutex<State>

    /// Connects, makes the group if it is not there, and begins.
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

    /// The next delivery; nil at the end.
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

    /// If nothing is held, waits until the consumer has left its group: the process may end now.
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

    /// Begins to end.
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

    /// A delivery is done with: there is room for another one.
    func settle(_ serial: Machine.Serial) {
        state.withLock { $0.machine.settled(serial) }
        wakeFetcher()
        wakeKeeperAtTheEnd()
    }

    // MARK: - Asking Redis

    /// The reply to a command of the consumer, over the connection for what is answered at once,
    /// unless another one is named. Whatever the command is for, a refusal that waiting does not
    /// mend ends the sequence.
    ///
    /// - Parameter step: what it is for, as the log names it.
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

    /// Tells of a failure that passes; one that lasts has been told as an error.
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

    /// Waits for room. False if nothing more is to be fetched.
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

    /// Claims if it is time to, then reads if there is still room. Waits after a failure.
    private func fetchOnce(_ schedule: inout FetchSchedule) async {
        do throws(RedisError) {
            if let scans = schedule.claimIsDue(now: .now()) {
                let command = commands.claim(
                    room: room, attemptsMax: options.attemptsMax,
                    visibilityMilliseconds: options.visibilityTimeout.wholeMilliseconds,
                    scans: scans)
                let claimed = try ClaimedEntries(reply: await reply(command, for: "claim"))
                for entry in claimed.buried {
                    buried(entry, reason: "not acknowledged")
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
            warn("nothing can be fetched", error)
            let pauseMilliseconds = schedule.failed()
            // What Redis answers where the group is gone, or the stream with it, depends on the
            // command and on the version.
            if case .server(let answer) = error, [.noGroup, .other].contains(answer.kind) {
                try? await join()
            }
            try? await Task.sleep(for: .milliseconds(pauseMilliseconds))
        }
    }

    /// Makes the group, unless it is there, and joins it.
    private func join() async throws(RedisError) {
        do { _ = try await reply(commands.createGroup, for: "make the group") } catch {
            guard case .server(let answer) = error, answer.kind == .groupExists else {
                throw error
            }
        }
        _ = try await reply(commands.join, for: "join the group")
    }

    /// Hands the transactions on, and lays aside what is none.
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
        // One that cannot be buried now is not acknowledged, and comes again.
        for (entry, flaw) in flawed {
            await bury(entry.name, reason: "\(flaw)")
        }
    }

    /// What nobody has taken is due at once, for any consumer, and does not count as an attempt.
    private func giveBack() async {
        let entries = state.withLock { $0.machine.takeBuffer() }
        guard !entries.isEmpty else { return }
        do throws(RedisError) {
            let command = commands.giveBack(entries.map(\.name))
            removed(try DeliveryName.ids(of: await reply(command, for: "give back")))
        } catch {
            // They come again when they have not been heard of for long enough.
            logger.notice("nothing could be given back", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: - Keeping

    /// Keeps what is held until there is nothing left, then leaves the group.
    private func keep() async {
        let pause = min(options.visibilityTimeout / 3, ConsumerEngine.keepPauseMax)
        while !state.withLock({ $0.machine.isFinished }) {
            // A group that is gone is made anew by the task that fetches.
            do throws(RedisError) { try await extend() } catch {
                warn("what is held could not be kept", error)
            }
            do throws(RedisError) { _ = try await reply(commands.tidy(), for: "tidy up") } catch {
                warn("the stream could not be tidied up", error)
            }
            // Cancelled at the end, so that nobody waits for it.
            try? await Task.sleep(for: pause)
        }
        _ = try? await reply(commands.leave, for: "leave the group")
        readConnection.close()
        connection.close()
    }

    /// Who watches the group hears of a consumer at least this often.
    private static let keepPauseMax = Duration.seconds(60)

    private func extend() async throws(RedisError) {
        let kept = state.withLock { $0.machine.keep(now: .now()) }
        wakeFetcher()
        guard !kept.isEmpty else { return }
        let command = commands.extend(Array(kept.values))
        let unkept = try UnkeptDeliveries(reply: await reply(command, for: "keep"))
        let lost = kept.filter { unkept.lost.contains($0.value.text) }.keys
        let gone = Set(unkept.removed)
        let count = state.withLock { state in
            state.machine.removed(kept.filter { gone.contains($0.value.id) }.keys)
            return state.machine.lost(lost)
        }
        removed(unkept.removed)
        guard count > 0 else { return }
        logger.notice("deliveries have gone to other consumers", metadata: ["count": "\(count)"])
        wakeFetcher()
    }

    private func wakeKeeperAtTheEnd() {
        let keeper = state.withLock { $0.machine.isFinished ? $0.keeper : nil }
        keeper?.cancel()
    }
}
