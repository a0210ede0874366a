internal import CoreAPIBase
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging

/// Settles deliveries: acknowledges, retries or dead-letters them.
extension ConsumerEngine {
    /// Acknowledges the delivery in Redis. After a passing failure, retries with backoff for
    /// `visibilityTimeout`.
    func acknowledge(
        _ serial: Machine.Serial, _ entry: Machine.Entry
    ) async throws(ConsumerError) {
        let deadline = MonotonicTime.now().advanced(
            byMilliseconds: options.visibilityTimeout.wholeMilliseconds)
        var backoff = RedisLimits().backoff
        processed(serial)
        while isHeld(serial) {
            let failure: RedisError
            do {
                _ = try await reply(settling: entry, for: "acknowledge") {
                    $0.acknowledge(entry.name, $1)
                }
                metrics?.acknowledged.increment()
                return settle(serial)
            } catch { failure = error }
            guard !failure.isLastingForConsumer, MonotonicTime.now() < deadline,
                !Task.isCancelled
            else { throw ConsumerError(failure) }
            let pause = backoff.failed(jitter: .random(in: 0...1))
            try? await Task.sleep(for: .milliseconds(pause))
        }
    }

    /// Schedules the next attempt, or moves the entry to the dead-letter stream after its last
    /// attempt. If Redis is away, the entry is delivered again after `visibilityTimeout`.
    ///
    /// - Parameter pause: nil for the backoff of the options.
    package func retry(
        _ serial: Machine.Serial, _ entry: Machine.Entry, after pause: Duration?, reason: String
    ) async {
        // A delivery that is lost may belong to another consumer: leave it alone.
        if isKept(serial) {
            if entry.name.attempt >= options.attemptsMax {
                await deadLetter(entry, reason: reason)
            } else {
                let milliseconds =
                    pause.map { min($0, ConsumerEngine.pauseMax).wholeMilliseconds }
                    ?? options.retryPauseMilliseconds(
                        afterAttempt: entry.name.attempt, jitter: .random(in: 0...1))
                await retry(entry, milliseconds)
            }
        }
        settle(serial)
    }

    private func retry(_ entry: Machine.Entry, _ pauseMilliseconds: Int) async {
        do throws(RedisError) {
            let reply = try await reply(settling: entry, for: "retry") {
                $0.retry(entry.name, pauseMilliseconds: pauseMilliseconds, $1)
            }
            let ids = try DeliveryName.ids(of: reply)
            if ids.isEmpty { metrics?.retried.increment() }
            removed(ids, entry.name.partition)
        } catch {
            // The entry stays pending: a consumer claims it after the visibility timeout.
            warn("no retry could be written", error)
        }
    }

    /// The longest pause that a handler may ask for.
    private static let pauseMax = Duration.seconds(365 * 86_400)

    /// Moves the delivery to the dead-letter stream.
    func reject(_ serial: Machine.Serial, _ entry: Machine.Entry, reason: String) async {
        if isKept(serial) {
            await deadLetter(entry, reason: reason)
        }
        settle(serial)
    }

    /// The handler released the delivery. If it is not settled, the attempt counts as failed,
    /// except when the handler processed it and only the acknowledgement failed.
    func released(_ serial: Machine.Serial, _ entry: Machine.Entry) {
        guard isHeld(serial) else { return }
        guard !isProcessed(serial) else { return settle(serial) }
        Task {
            await retry(serial, entry, after: nil, reason: "released without an acknowledgement")
        }
    }

    private func deadLetter(_ entry: Machine.Entry, reason: String) async {
        await deadLetter(entry.name, reason: reason) { () throws(RedisError) in
            try await self.reply(settling: entry, for: "write a dead letter") {
                $0.deadLetter(entry.name, reason: reason, $1)
            }
        }
    }

    /// Moves an entry that is no transaction to the dead-letter stream.
    func deadLetter(_ delivery: DeliveryName, reason: String) async {
        await deadLetter(delivery, reason: reason) { () throws(RedisError) in
            try await self.reply(
                self.partitions[delivery].deadLetter(delivery, reason: reason),
                in: delivery.partition, for: "write a dead letter")
        }
    }

    private func deadLetter(
        _ delivery: DeliveryName, reason: String,
        _ write: () async throws(RedisError) -> RedisReply
    ) async {
        do throws(RedisError) {
            let ids = try DeliveryName.ids(of: await write())
            if ids.isEmpty { deadLettered(delivery, reason: reason) }
            removed(ids, delivery.partition)
        } catch {
            logger.warning(
                "no dead letter could be written",
                metadata: ["entry": "\(delivery.id)", "reason": "\(error)"])
        }
    }

    /// Executes a command that settles a delivery and, if its status is kept, writes that in the
    /// same step. Without the right to the record it is settled without: a consumer goes on
    /// where a server begins to keep statuses before the consumer's user may write them.
    ///
    /// - Parameter command: is called with nil for a command without a status.
    private func reply(
        settling entry: Machine.Entry, for step: String,
        _ command: (ConsumerCommands, TransactionStatusRecord.Note?) -> RedisCommand
    ) async throws(RedisError) -> RedisReply {
        let partition = entry.name.partition
        let commands = partitions[partition]
        if entry.statusSeconds > 0 {
            let note = TransactionStatusRecord(entry.transaction)
                .note(partitions.partitions.tag(partition), seconds: entry.statusSeconds)
            do {
                return try await connections.execute(
                    command(commands, note), slot: partitions.slot(partition))
            } catch {
                let reason = error.reason
                guard case .server(let answer) = reason, reason.isLastingForConsumer else {
                    if reason.isLastingForConsumer { giveUp(reason, step) }
                    throw reason
                }
                warnOfStatus(answer)
            }
        }
        return try await reply(command(commands, nil), in: partition, for: step)
    }

    /// Pending entries were removed from the stream, for example by a trim: they are not delivered
    /// again. Logs every id, up to `idsInLineMax` in a line.
    func removed(_ ids: [String], _ partition: Int) {
        metrics?.removed.increment(by: ids.count)
        for start in stride(from: 0, to: ids.count, by: ConsumerEngine.idsInLineMax) {
            let line = ids[start...].prefix(ConsumerEngine.idsInLineMax)
            logger.warning(
                "pending entries were removed from the stream",
                metadata: [
                    "entries": "\(line.joined(separator: " "))", "count": "\(line.count)",
                    "from": "\(partitions[partition].key)",
                ])
        }
    }

    private static let idsInLineMax = 20

    /// Records that an entry went to the dead-letter stream.
    func deadLettered(_ delivery: DeliveryName, reason: String) {
        metrics?.dead.increment()
        logger.warning(
            "dead letter",
            metadata: [
                "entry": "\(delivery.id)", "attempts": "\(delivery.attempt)", "reason": "\(reason)",
                "to": "\(partitions[delivery].deadLetterKey)",
            ])
    }
}
