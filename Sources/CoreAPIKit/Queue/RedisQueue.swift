internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging
internal import Synchronization

/// The part that the queues in Redis share: it sends a queue's command and reads its reply.
final class RedisQueue: Sendable {
    let connection: RedisConnection

    private let metrics: QueueMetrics?
    private let refusals: QueueRefusals?
    private let warning = Mutex(WarningLimit())

    /// - Parameters:
    ///   - connection: has loaded the queue's script.
    ///   - name: of the queue in metrics, as `QUEUE` has it: `stream:transactions`.
    ///   - refusals: the last answers of Redis, for readiness; nil where nobody asks.
    init(_ connection: RedisConnection, name: String, refusals: QueueRefusals?) {
        self.refusals = refusals
        self.connection = connection
        metrics = QueueMetrics(connection.metrics, queue: name)
    }

    /// Sends the call of the queue's script, which answers 1, or the record that it found.
    func enqueue(
        _ command: RedisCommand, _ record: TransactionRecord
    ) async throws(QueueError) -> EnqueueOutcome {
        let sent = connection.time
        return try await outcome(of: connection.reply(to: command), record, since: sent).get()
    }

    /// As above, for a caller on the connection's loop: nil if `pending` is resumed later.
    func enqueue(
        _ command: RedisCommand, _ pending: PendingTransaction
    ) -> PendingTransaction.Outcome? {
        pending.wasSent(by: self, at: connection.time)
        return connection.submit(command, for: pending).map { pending.outcome(of: .failure($0)) }
    }

    /// The meaning of the reply to a queue's command.
    func outcome(
        of reply: Result<RedisReply, RedisFailure>, _ record: @autoclosure () -> TransactionRecord,
        since sent: MonotonicTime
    ) -> PendingTransaction.Outcome {
        let outcome = Result { () throws(QueueError) in try self.outcome(of: reply, record()) }
        metrics?.record(outcome, nanoseconds: connection.time.nanoseconds(since: sent))
        refusals?.record(outcome)
        return outcome
    }

    private func outcome(
        of reply: Result<RedisReply, RedisFailure>, _ record: @autoclosure () -> TransactionRecord
    ) throws(QueueError) -> EnqueueOutcome {
        switch reply {
        case .success(let reply): return try EnqueueOutcome(reply: reply, record())
        case .failure(.notExecuted(let reason)):
            warn(of: reason)
            throw .unavailable(reason)
        case .failure(.mayBeExecuted(let reason)):
            warn(of: reason)
            throw .outcomeUnknown(reason)
        }
    }

    /// Logs an error reply of Redis, such as a missing right: a caller is not told of it.
    private func warn(of reason: RedisError) {
        guard case .server(let reply) = reason, warning.withLock({ $0.isDue(now: .now()) })
        else { return }
        connection.logger.warning(
            "Redis refuses transactions",
            metadata: ["redis": "\(connection.url)", "reason": "\(reply)"])
    }
}
