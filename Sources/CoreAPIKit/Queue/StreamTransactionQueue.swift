public import CoreAPIBase
public import CoreAPIRedis
public import CoreMetrics

/// A queue in a Redis Stream, for consumer groups in any language.
///
/// One entry is one transaction; `StreamEntry` has its fields.
public final class StreamTransactionQueue: TransactionQueue {
    /// The stream's key in Redis.
    public let key: String

    private let redis: RedisQueue

    /// Connects to Redis; throws if that fails. Later the connection comes back by itself.
    ///
    /// - Parameters:
    ///   - url: of `redis://`, `rediss://` or `unix://`: see `RedisURL`.
    ///   - key: not empty, and without braces (``QueueNameError``).
    ///   - tls: certificates for `rediss://`, if not those of the system.
    ///   - metrics: where it records what it does: by default what the process was bootstrapped
    ///     with.
    public convenience init(
        url: String, key: String, tls: TLSOptions = TLSOptions(),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) async throws(RedisError) {
        let connection = try await RedisConnection(
            opening: url, queueName: key, StreamEntry.script, tls, metrics)
        self.init(connection: connection, key: key)
    }

    /// What the connection must have loaded.
    package static let script = StreamEntry.script

    /// - Parameters:
    ///   - connection: has loaded `script`.
    ///   - key: has passed `QueueNameError.check`.
    ///   - refusals: the last answers of Redis, for readiness; nil where nobody asks.
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
