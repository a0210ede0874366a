internal import CoreAPIBase
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging
internal import Synchronization

/// Runs a consumer: performs the actions of `ConsumerStateMachine` with two tasks.
///
/// One task fetches: it claims due entries, then waits for new ones. The second task extends the
/// lease of the deliveries in hand and tidies the stream up. `ConsumerConnections` says by which
/// connections.
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
    let partitions: ConsumerPartitions
    let logger: Logger
    let metrics: ConsumerMetrics?
    let connections: ConsumerConnections
    private let tracer: TransactionTracer
    private let state: Mutex<State>

    /// Connects, creates the group if it is missing, and starts both tasks.
    init(
        url: RedisURL, _ stream: StreamPartitions, group: String, options: ConsumerOptions,
        tls: TLSContext?
    ) async throws(ConsumerError) {
        self.options = options
        partitions = ConsumerPartitions(
            stream, group: group, consumer: options.name,
            blockMilliseconds: FetchSchedule(options, now: .now()).blockMilliseconds)
        var logger = options.logger
        logger[metadataKey: "stream"] = "\(stream.key)"
        logger[metadataKey: "group"] = "\(group)"
        logger[metadataKey: "consumer"] = "\(options.name)"
        self.logger = logger
        metrics = ConsumerMetrics(options.metrics, key: stream.key, group: group)
        tracer = TransactionTracer(destination: stream.key, tracer: options.tracer)
        state = Mutex(
            State(
                machine: Machine(
                    prefetch: options.prefetch,
                    handlingMilliseconds: options.handlingTimeMax.wholeMilliseconds)))
        do {
            connections = try await ConsumerConnections(
                url, scripts: [stream.claim.script], options, tls: tls, logger: logger)
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
        let span = tracer.process(entry.transaction, attempt: entry.name.attempt)
        return Delivery(serial, entry, span, of: self)
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

    /// How many entries to fetch.
    var room: Int { state.withLock { $0.machine.room } }

    /// Begins the reads that the body chooses for the room, which is kept for what they bring.
    func reserve(_ body: (_ room: Int) -> [ConsumerPolling.Turn]) -> [ConsumerPolling.Turn] {
        state.withLock { state in
            let turns = body(state.machine.room)
            for turn in turns { state.machine.reserve(turn.countMax, for: turn.partition) }
            return turns
        }
    }

    /// The read of the partition has ended.
    func release(_ partition: Int) {
        state.withLock { $0.machine.release(partition) }
        wakeFetcher()
    }

    /// The reads of these partitions take long.
    func releaseExcess(of partitions: [Int]) {
        state.withLock { $0.machine.releaseExcess(of: partitions) }
    }

    /// Hands entries of a partition to the handlers that wait, and keeps others for the next ones.
    /// Returns those that there is no room for.
    func hold(_ entries: [Machine.Entry], of partition: Int) -> ArraySlice<Machine.Entry> {
        let (handovers, excess) = state.withLock { state in
            let (admitted, excess) = state.machine.admit(entries, of: partition)
            return (state.machine.received(admitted, now: .now()), excess)
        }
        for handover in handovers {
            handover.waiter.resume(returning: delivery(handover.serial, handover.entry))
        }
        return excess
    }

    /// The deliveries that no handler has taken.
    func takeBuffer() -> [Machine.Entry] { state.withLock { $0.machine.takeBuffer() } }

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

    /// Executes a command of a partition and returns its reply. A lasting error
    /// (`isLastingForConsumer`) of any command ends the sequence.
    ///
    /// - Parameters:
    ///   - step: the command's purpose, for the log.
    ///   - blocks: whether it may wait for an entry.
    func reply(
        _ command: RedisCommand, in partition: Int, for step: String, blocks: Bool = false
    ) async throws(RedisError) -> RedisReply {
        do {
            return try await connections.execute(
                command, slot: partitions.slot(partition), blocks: blocks)
        } catch {
            let reason = error.reason
            if reason.isLastingForConsumer { giveUp(reason, step) }
            throw reason
        }
    }

    func giveUp(_ reason: RedisError, _ step: String) {
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

    /// Logs, with a rate limit, that Redis lets this user write no statuses.
    func warnOfStatus(_ answer: RedisServerError) {
        guard state.withLock({ $0.warningLimit.isDue(now: .now()) }) else { return }
        logger.warning(
            "the status of transactions cannot be written: see docs/wire-formats.md for the rights",
            metadata: ["reason": "\(answer)"])
    }

    /// Executes a command for each partition.
    func execute(
        _ step: String, _ command: @escaping @Sendable (ConsumerCommands) -> RedisCommand
    ) async throws(RedisError) {
        try await withEach(Array(partitions.partitions.indices)) { partition throws(RedisError) in
            _ = try await self.reply(
                command(self.partitions[partition]), in: partition, for: step)
        }
    }

    /// Runs the body for each partition, some at a time; throws the first error after all have
    /// ended.
    func withEach(
        _ partitions: [Int],
        _ body: @escaping @Sendable (_ partition: Int) async throws(RedisError) -> Void
    ) async throws(RedisError) {
        var failure: RedisError?
        let countMax = connections.partitionsAtOnceMax
        for start in stride(from: 0, to: partitions.count, by: countMax) {
            let some = partitions[start...].prefix(countMax)
            await withTaskGroup(of: RedisError?.self) { group in
                for partition in some {
                    group.addTask {
                        do throws(RedisError) { try await body(partition) } catch { return error }
                        return nil
                    }
                }
                for await error in group { failure = failure ?? error }
            }
        }
        if let failure { throw failure }
    }

    // MARK: - Fetching

    private func fetch() async {
        switch connections {
        case .server:
            var schedule = FetchSchedule(options, now: .now())
            var rotation = FetchRotation(partitions.count)
            while await hasRoom() { await fetchOnce(&schedule, &rotation) }
        case .cluster:
            let schedule = FetchSchedule(options, now: .now())
            let polling = ConsumerPolling(
                partitions.count, claimMilliseconds: schedule.blockMilliseconds,
                claimsOfScan: schedule.claimsOfScan, now: .now())
            while await hasRoom() { await pollOnce(polling) }
            await polling.end()
        }
        await giveBack(takeBuffer().map(\.name))
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

    // MARK: - Leases

    /// Extends the lease of the deliveries in hand until all are settled, then leaves the group.
    private func keep() async {
        let pause = min(options.visibilityTimeout / 3, ConsumerEngine.keepPauseMax)
        while !state.withLock({ $0.machine.isFinished }) {
            // If the group is gone, the fetching task creates it again.
            do throws(RedisError) { try await extend() } catch {
                warn("the lease of the deliveries could not be extended", error)
            }
            do throws(RedisError) { try await execute("tidy up") { $0.tidy() } } catch {
                warn("the stream could not be tidied up", error)
            }
            // `wakeKeeperAtTheEnd` cancels this sleep, so that the end does not wait for it.
            try? await Task.sleep(for: pause)
        }
        try? await execute("leave the group") { $0.leave }
        connections.close()
    }

    /// The longest time between two signs of life in `XINFO CONSUMERS`, for health checks.
    private static let keepPauseMax = Duration.seconds(60)

    private func extend() async throws(RedisError) {
        let kept = state.withLock { $0.machine.keep(now: .now()) }
        wakeFetcher()
        let byPartition = Dictionary(grouping: kept) { $0.value.partition }
        try await withEach(Array(byPartition.keys)) { partition throws(RedisError) in
            try await self.extend(byPartition[partition] ?? [], of: partition)
        }
    }

    private func extend(
        _ kept: [(key: Machine.Serial, value: DeliveryName)], of partition: Int
    ) async throws(RedisError) {
        let command = partitions[partition].extend(kept.map(\.value))
        let unkept = try UnkeptDeliveries(
            reply: await reply(command, in: partition, for: "extend the lease"))
        let lost = kept.filter { unkept.lost.contains($0.value.text) }.map(\.key)
        let gone = Set(unkept.removed)
        let count = state.withLock { state in
            state.machine.removed(kept.filter { gone.contains($0.value.id) }.map(\.key))
            return state.machine.lost(lost)
        }
        removed(unkept.removed, partition)
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
