public import CoreAPIRedis

/// A queue of python-rq: unmodified workers run each transaction as a job.
public final class RQTransactionQueue: TransactionQueue {
    /// The queue's name, without the prefix of its key.
    public let name: String

    private let queue: RQJob.Queue
    private let redis: RedisQueue

    /// Connects to Redis. If the connection breaks later, it comes back by itself.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`, the same with `rediss://` for TLS, or
    ///     `unix://[user[:password]@]/path[?db=N]`; user, password and path percent-encoded.
    ///   - name: what the worker was started with: `default`. Not empty, and without braces
    ///     (`QueueNameError`).
    ///   - options: logger, metrics, TLS, timeout and durability.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects.
    public convenience init(
        url: String, name: String = "default", options: QueueOptions = QueueOptions()
    ) async throws(RedisError) {
        let connection = try await options.connection(to: url, queueName: name, RQJob.script)
        self.init(connection: connection, name: name)
    }

    /// What the connection must have loaded.
    package static let script = RQJob.script

    /// - Parameters:
    ///   - connection: has loaded `script`.
    ///   - name: has passed `QueueNameError.check`.
    ///   - refusals: the last answers of Redis, for readiness; nil where readiness is not reported.
    package init(
        connection: RedisConnection, name: String, refusals: QueueRefusals? = nil
    ) {
        self.name = name
        queue = RQJob.Queue(name)
        redis = RedisQueue(connection, name: "rq:\(name)", refusals: refusals)
    }

    /// Returns once Redis has the job: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        let record = TransactionRecord(transaction, idempotencyKey)
        return try await redis.enqueue(command(transaction, record), record)
    }

    private func command(
        _ transaction: Transaction, _ record: TransactionRecord
    ) -> RedisCommand {
        RQJob(transaction, queue: queue).command(record)
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension RQTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        return redis.enqueue(command(pending.transaction, record), pending)
    }
}
