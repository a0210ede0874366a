internal import CoreAPIBase
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging

/// How a delivery ends.
extension ConsumerEngine {
    /// Tells Redis that the delivery is processed; tries for as long as the delivery is surely
    /// nobody else's.
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
                _ = try await reply(commands.acknowledge(entry.name.id), for: "acknowledge")
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

    /// Gives the delivery back, to come again after a pause; after its last attempt it goes to the
    /// dead-letter stream. If Redis is away, it comes again when it has not been heard of for long
    /// enough.
    ///
    /// - Parameter pause: nil for the one that the options say.
    package func retry(
        _ serial: Machine.Serial, _ entry: Machine.Entry, after pause: Duration?, reason: String
    ) async {
        // What another consumer may have got is its own.
        if isKept(serial) {
            if entry.name.attempt >= options.attemptsMax {
                await bury(entry.name, reason: reason)
            } else {
                let milliseconds =
                    pause.map { min($0, ConsumerEngine.pauseMax).wholeMilliseconds }
                    ?? options.retryPauseMilliseconds(
                        afterAttempt: entry.name.attempt, jitter: .random(in: 0...1))
                await retry(entry.name, milliseconds)
            }
        }
        settle(serial)
    }

    private func retry(_ delivery: DeliveryName, _ pauseMilliseconds: Int) async {
        let command = commands.retry(delivery, pauseMilliseconds: pauseMilliseconds)
        do throws(RedisError) {
            let ids = try DeliveryName.ids(of: await reply(command, for: "retry"))
            if ids.isEmpty { metrics?.retried.increment() }
            removed(ids)
        } catch {
            // It comes again when it has not been heard of for long enough.
            warn("no retry could be written", error)
        }
    }

    /// The longest pause that a handler may ask for.
    private static let pauseMax = Duration.seconds(365 * 86_400)

    /// Moves the delivery to the dead-letter stream.
    func reject(_ serial: Machine.Serial, _ entry: Machine.Entry, reason: String) async {
        if isKept(serial) {
            await bury(entry.name, reason: reason)
        }
        settle(serial)
    }

    /// The handler has let go of the delivery: if it is not settled, the attempt has failed. One
    /// that it has processed, and could not acknowledge, has not.
    func letGo(_ serial: Machine.Serial, _ entry: Machine.Entry) {
        guard isHeld(serial) else { return }
        guard !isProcessed(serial) else { return settle(serial) }
        Task {
            await retry(serial, entry, after: nil, reason: "let go without an acknowledgement")
        }
    }

    /// Moves an entry to the dead-letter stream.
    func bury(_ delivery: DeliveryName, reason: String) async {
        let command = commands.bury(delivery, reason: reason)
        do throws(RedisError) {
            let ids = try DeliveryName.ids(of: await reply(command, for: "write a dead letter"))
            if ids.isEmpty { buried(delivery, reason: reason) }
            removed(ids)
        } catch {
            logger.warning(
                "no dead letter could be written",
                metadata: ["entry": "\(delivery.id)", "reason": "\(error)"])
        }
    }

    /// Somebody has removed entries from the stream that were pending, as by a trim: no other
    /// consumer gets them. Each id is told, a few in a line.
    func removed(_ ids: [String]) {
        metrics?.removed.increment(by: ids.count)
        for start in stride(from: 0, to: ids.count, by: ConsumerEngine.idsInLineMax) {
            let line = ids[start...].prefix(ConsumerEngine.idsInLineMax)
            logger.warning(
                "pending entries were removed from the stream",
                metadata: ["entries": "\(line.joined(separator: " "))", "count": "\(line.count)"])
        }
    }

    private static let idsInLineMax = 20

    /// An entry has gone to the dead-letter stream.
    func buried(_ delivery: DeliveryName, reason: String) {
        metrics?.dead.increment()
        logger.warning(
            "dead letter",
            metadata: [
                "entry": "\(delivery.id)", "attempts": "\(delivery.attempt)", "reason": "\(reason)",
                "to": "\(commands.deadLetterKey)",
            ])
    }
}
