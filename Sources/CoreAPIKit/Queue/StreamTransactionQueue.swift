package import CoreAPIBase
public import CoreAPIRedis

/// A queue in a Redis Stream, for consumer groups in any language.
///
/// One entry is one transaction; `StreamEntry` has its fields.
public final class StreamTransactionQueue: TransactionQueue {
    /// The stream's key in Redis.
    public let key: String

    package let redis: RedisQueue

    /// The key as bytes.
    private let tag: [UInt8]

    /// Connects to Redis. If the connection breaks later, the queue reconnects.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`,
    ///     `unix://[user[:password]@]/path[?db=N]`, or, for the master that sentinels know,
    ///     `redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME`; with
    ///     TLS `rediss://` and `rediss-sentinel://`. User, password and path are percent-encoded.
    ///   - key: not empty, and without braces (`QueueNameError`).
    ///   - options: logger, metrics, TLS, timeout and durability.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects.
    public convenience init(
        url: String, key: String, options: QueueOptions = QueueOptions()
    ) async throws(RedisError) {
        let (loop, settings) = try options.settings(url, queueName: key)
        self.init(key: key, on: loop, settings)
        try await redis.connection.ready()
    }

    /// - Parameter key: has passed `QueueNameError.check`.
    package init(key: String, on loop: EventLoop, _ settings: RedisQueue.Settings) {
        self.key = key
        tag = Array(key.utf8)
        redis = RedisQueue(
            StreamEntry.call(key: key), name: "stream:\(key)", on: loop, settings)
    }

    /// Returns once Redis has the entry: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await redis.outcome(of: transaction, idempotencyKey) { self.enqueue($0) }.get()
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension StreamTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        return redis.enqueue(
            pending,
            keys: { record.addKey(of: tag, to: &$0) },
            words: { StreamEntry(pending.transaction).addWords(record, to: &$0) })
    }
}
