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
    typealias Machine = ConsumerStateMachine<Suspension<Result<Delivery?, ConsumerError>>>

    private struct State {
        var machine: Machine
        /// The task that fetches, while there is no room.
        var fetcher: Suspension<Void>?
        /// The task that keeps.
        var keeper: Task<Void, Never>?
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
        tls: TLSContext?, metrics: any MetricsFactory
    ) async throws(ConsumerError) {
        options.check()
        self.options = options
        commands = ConsumerCommands(key: key, group: group, consumer: options.name)
        var logger = Logger(label: "core-api.consumer")
        logger[metadataKey: "stream"] = "\(key)"
        logger[metadataKey: "group"] = "\(group)"
        logger[metadataKey: "consumer"] = "\(options.name)"
        self.logger = logger
        self.metrics = ConsumerMetrics(metrics, key: key, group: group)
        state = Mutex(
            State(
                machine: Machine(
                    prefetch: options.prefetch,
                    handlingMilliseconds: options.handlingTimeMax.wholeMilliseconds)))
        do {
            connection = try await RedisConnection(
                opening: url,
                options: RedisConnection.Options(
                    scripts: ConsumerScripts.all, tls: tls, metrics: metrics),
                logger: Logger(label: "core-api.redis"))
            readConnection = try await RedisConnection(
                opening: url, options: RedisConnection.Options(tls: tls, metrics: metrics),
                logger: Logger(label: "core-api.redis"))
            try await join()
        } catch { throw ConsumerError(error) }
        Task { await fetch() }
        let keeper = Task { await keep() }
        state.withLock { $0.keeper = keeper }
    }

    // MARK: - From any thread

    /// The next delivery; nil at the end.
    func next() async throws(ConsumerError) -> Delivery? {
        let result = await withTaskCancellationHandler {
            await Suspension.value { waiter in request(waiter) }
        } onCancel: {
            stop()
        }
        let delivery = try result.get()
        if delivery == nil { await leave() }
        return delivery
    }

    /// If nothing is held, waits until the consumer has left its group: the process may end now.
    private func leave() async {
        let keeper = state.withLock { $0.machine.isFinished ? $0.keeper : nil }
        await keeper?.value
    }

    private func request(_ waiter: Suspension<Result<Delivery?, ConsumerError>>) {
        let action = state.withLock { $0.machine.requested(waiter, now: .now()) }
        switch action {
        case .deliver(let serial, let entry):
            waiter.resume(returning: .success(delivery(serial, entry)))
            wakeFetcher()
        case .wait: wakeFetcher()
        case .end(let error): waiter.resume(returning: ConsumerEngine.end(error))
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

    /// A delivery is done with: there is room for another one.
    func settle(_ serial: Machine.Serial) {
        state.withLock { $0.machine.settled(serial) }
        wakeFetcher()
        wakeKeeperAtTheEnd()
    }

    // MARK: - Fetching

    private func fetch() async {
        var error: ConsumerError?
        var schedule = FetchSchedule(options, now: .now())
        do throws(RedisError) {
            while await hasRoom() { try await fetchOnce(&schedule) }
        } catch let reason {
            logger.error("the consumer gives up", metadata: ["reason": "\(reason)"])
            error = ConsumerError(reason)
        }
        if error == nil { await giveBack() }
        let waiters = state.withLock { $0.machine.ended(error) }
        for waiter in waiters { waiter.resume(returning: ConsumerEngine.end(error)) }
        wakeKeeperAtTheEnd()
    }

    /// What a waiter is told at the end.
    private static func end(_ error: ConsumerError?) -> Result<Delivery?, ConsumerError> {
        if let error { .failure(error) } else { .success(nil) }
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

    /// Claims if it is time to, then reads if there is still room. Throws what waiting does not
    /// mend.
    private func fetchOnce(_ schedule: inout FetchSchedule) async throws(RedisError) {
        do {
            if let scans = schedule.claimIsDue(now: .now()) {
                let command = commands.claim(
                    room: room, attemptsMax: options.attemptsMax,
                    visibilityMilliseconds: options.visibilityTimeout.wholeMilliseconds,
                    scans: scans)
                let claimed = try ClaimedEntries(reply: await reply(command, on: connection))
                for entry in claimed.buried {
                    buried(entry, reason: "not acknowledged")
                }
                await deliver(claimed.entries)
            }
            let room = room
            if room > 0 {
                let command = commands.read(
                    count: room, blockMilliseconds: schedule.blockMilliseconds)
                let read = try await reply(command, on: readConnection)
                await deliver(try ReceivedEntry.list(read: read))
            }
            schedule.succeeded()
        } catch {
            try await recover(from: error, &schedule)
        }
    }

    private func reply(
        _ command: RedisCommand, on connection: RedisConnection
    ) async throws(RedisError) -> RedisReply {
        do { return try await connection.execute(command) } catch { throw error.reason }
    }

    /// Waits, or makes the group again if it is gone.
    private func recover(
        from error: RedisError, _ schedule: inout FetchSchedule
    ) async throws(RedisError) {
        guard !error.isLastingForConsumer else { throw error }
        if schedule.failed(error) {
            logger.warning("nothing can be fetched", metadata: ["reason": "\(error)"])
        }
        if case .server(let answer) = error, answer.kind == .noGroup {
            do { return try await join() } catch {
                guard !error.isLastingForConsumer else { throw error }
            }
        }
        try? await Task.sleep(for: .milliseconds(schedule.pauseMilliseconds))
    }

    /// Makes the group, unless it is there, and joins it.
    private func join() async throws(RedisError) {
        do { _ = try await reply(commands.createGroup, on: connection) } catch {
            guard case .server(let answer) = error, answer.kind == .groupExists else {
                throw error
            }
        }
        _ = try await reply(commands.join, on: connection)
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
            handover.waiter.resume(
                returning: .success(delivery(handover.serial, handover.entry)))
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
        do {
            _ = try await connection.execute(
                commands.giveBack(entries.map(\.name)))
        } catch {
            // They come again when they have not been heard of for long enough.
            logger.notice("nothing could be given back", metadata: ["reason": "\(error.reason)"])
        }
    }

    // MARK: - Keeping

    /// Keeps what is held until there is nothing left, then leaves the group.
    private func keep() async {
        let pause = min(options.visibilityTimeout / 3, ConsumerEngine.keepPauseMax)
        while !state.withLock({ $0.machine.isFinished }) {
            await extend()
            // A group that is gone is made anew by the task that fetches.
            _ = try? await connection.execute(commands.tidy())
            // Cancelled at the end, so that nobody waits for it.
            try? await Task.sleep(for: pause)
        }
        _ = try? await connection.execute(commands.leave)
        readConnection.close()
        connection.close()
    }

    /// Who watches the group hears of a consumer at least this often.
    private static let keepPauseMax = Duration.seconds(60)

    private func extend() async {
        let kept = state.withLock { $0.machine.keep(now: .now()) }
        wakeFetcher()
        guard !kept.isEmpty,
            let reply = try? await connection.execute(commands.extend(Array(kept.values))),
            case .array(let words) = reply
        else { return }
        var names: Set<String> = []
        for case .bulk(let name) in words { names.insert(String(decoding: name, as: UTF8.self)) }
        let lost = kept.filter { names.contains($0.value.text) }.keys
        let count = state.withLock { $0.machine.lost(lost) }
        guard count > 0 else { return }
        logger.notice("deliveries have gone to other consumers", metadata: ["count": "\(count)"])
        wakeFetcher()
    }

    private func wakeKeeperAtTheEnd() {
        let keeper = state.withLock { $0.machine.isFinished ? $0.keeper : nil }
        keeper?.cancel()
    }
}
