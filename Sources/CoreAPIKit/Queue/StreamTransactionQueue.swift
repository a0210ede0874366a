public import CoreAPIRedis

/// A queue in a Redis Stream, for consumer groups in any language.
///
/// One entry is one transaction; `StreamEntry` has its fields.
public final class StreamTransactionQueue: TransactionQueue {
    /// The stream's key in Redis.
    public let key: String

    private let redis: RedisQueue

    /// Connects to Redis. If the connection breaks later, it comes back by itself.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`, the same with `rediss://` for TLS, or
    ///     `unix://[user[:password]@]/path[?db=N]`; user, password and path percent-encoded.
    ///   - key: not empty, and without braces (`QueueNameError`).
    ///   - options: logger, metrics, TLS, timeout and durability.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects.
    public convenience init(
        url: String, key: String, options: QueueOptions = QueueOptions()
    ) async throws(RedisError) {
        let connection = try await options.connection(to: url, queueName: key, StreamEntry.script)
        self.init(connection: connection, key: key)
    }

    /// What the connection must have loaded.
    package static let script = StreamEntry.script

    /// - Parameters:
    ///   - connection: has loaded `script`.
    ///   - key: has passed `QueueNameError.check`.
    ///   - refusals: the last answers of Redis, for readiness; nil where readiness is not reported.
    package init(
        connection: RedisConnection, key: String, refusals: QueueRefusals? = nil
    ) {
        self.key = key
        redis = RedisQueue(connection, name: "stream:\(key)", refusals: refusals)
    }

    /// Returns once Redis has the entry: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        let record = TransactionRecord(transaction, idempotencyKey)
        return try await redis.enqueue(command(transaction, record), record)
    }

    private func command(
        _ transaction: Transaction, _ record: TransactionRecord
    ) -> RedisCommand {
        StreamEntry(transaction).command(key: key, record)
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension StreamTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        return redis.enqueue(command(pending.transaction, record), pending)
    }
}
