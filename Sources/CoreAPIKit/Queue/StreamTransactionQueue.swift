package import CoreAPIBase
public import CoreAPIRedis

/// A queue in a Redis Stream, for consumer groups in any language.
///
/// One entry is one transaction; `StreamEntry` has its fields.
///
/// With several partitions there are as many streams, `{KEY:0}`, `{KEY:1}`, …, which consumers
/// share as they share one. All transactions of a user go to one of them, and so keep their order.
/// Redis keeps the number of partitions: every queue and every consumer of the key gives the same.
public final class StreamTransactionQueue: TransactionQueue {
    /// The stream's key in Redis.
    public let key: String

    package let redis: RedisQueue

    private let partitions: StreamPartitions
    /// The hash tags of the partitions, with their braces.
    private let tags: [[UInt8]]
    private let parts: QueueFeatures.Parts
    private let hasFeatures: Bool

    /// Connects to Redis. If the connection breaks later, the queue reconnects.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`,
    ///     `unix://[user[:password]@]/path[?db=N]`, or, for the master that sentinels know,
    ///     `redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME`, or,
    ///     for a cluster, `redis-cluster://[user[:password]@]host[:port][,host[:port]…]`; with TLS
    ///     `rediss://`, `rediss-sentinel://` and `rediss-cluster://`. User, password and path are
    ///     percent-encoded.
    ///   - key: not empty, and without braces (`QueueNameError`).
    ///   - partitions: how many streams the transactions are divided among by user, 1 to 1,024.
    ///   - options: logger, metrics, TLS, timeout and durability.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects,
    ///   `partitionCountDiffers` if the stream has another number of partitions.
    public convenience init(
        url: String, key: String, partitions: Int = 1, options: QueueOptions = QueueOptions()
    ) async throws(RedisError) {
        let target = try options.target(url, stream: key, partitions: partitions)
        self.init(target.queue, on: target.loop, target.settings)
        try await redis.connection.ready()
    }

    /// - Parameter partitions: their key has passed `QueueNameError.check`.
    package init(
        _ partitions: StreamPartitions, on loop: EventLoop, _ settings: RedisQueue.Settings
    ) {
        self.partitions = partitions
        key = partitions.key
        tags = partitions.indices.map { HashTag.text(of: Array(partitions.tag($0).utf8)) }
        parts = settings.features.parts
        hasFeatures = parts != QueueFeatures.Parts()
        redis = RedisQueue(
            ProducerPartitions(
                count: partitions.count,
                call: { StreamEntry.call(partitions, $0, settings.features) },
                slot: partitions.slot),
            "stream", name: key, on: loop, settings)
    }

    /// Returns once Redis has the entry: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await redis.enqueue(transaction, idempotencyKey) { self.enqueue($0) }
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension StreamTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        let partition = partitions.index(ofUser: pending.transaction.userID)
        return redis.enqueue(
            pending, partition: partition,
            keys: { keys in
                let count = hasFeatures ? addKeys(pending.transaction, partition, to: &keys) : 0
                return count + record.addKey(of: tags[partition], to: &keys)
            },
            words: { StreamEntry.addWords(pending.transaction, record, to: &$0) })
    }

    /// Adds the keys of what the queue keeps besides entries.
    private func addKeys(
        _ transaction: Transaction, _ partition: Int, to keys: inout RedisCommand
    ) -> Int {
        var count = 0
        if parts.limitsRate {
            count += RateLimitScript.addKey(
                ofUser: transaction.userID, tags[partition], to: &keys)
        }
        if parts.keepsStatus {
            count += TransactionStatusRecord(transaction).addKey(of: tags[partition], to: &keys)
        }
        return count
    }
}
