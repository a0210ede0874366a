package import CoreAPIBase
public import CoreAPIRedis

/// A queue of python-rq: unmodified workers run each transaction as a job.
public final class RQTransactionQueue: TransactionQueue {
    /// The queue's name, without the prefix of its key.
    public let name: String

    package let redis: RedisQueue

    /// The key of the queue's list.
    private let listKey: [UInt8]
    private let limitsRate: Bool

    /// Connects to Redis. If the connection breaks later, the queue reconnects.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`,
    ///     `unix://[user[:password]@]/path[?db=N]`, or, for the master that sentinels know,
    ///     `redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME`; with
    ///     TLS `rediss://` and `rediss-sentinel://`. User, password and path are percent-encoded.
    ///   - name: what the worker was started with: `default`. Not empty, and without braces
    ///     (`QueueNameError`).
    ///   - options: logger, metrics, TLS, timeout and durability.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects.
    public convenience init(
        url: String, name: String = "default", options: QueueOptions = QueueOptions()
    ) async throws(RedisError) {
        let (loop, settings) = try options.settings(url, queueName: name)
        guard settings.url.place.cluster == nil else { throw .urlInvalid(.clusterOfJobs) }
        self.init(name: name, on: loop, settings)
        try await redis.connection.ready()
    }

    /// - Parameter name: has passed `QueueNameError.check`.
    package init(name: String, on loop: EventLoop, _ settings: RedisQueue.Settings) {
        self.name = name
        listKey = Array("rq:queue:\(name)".utf8)
        limitsRate = settings.features.rateLimit != nil
        redis = RedisQueue(
            ProducerPartitions(count: 1) { _ in RQJob.call(queue: name, settings.features) },
            name: "rq:\(name)", on: loop, settings)
    }

    /// Returns once Redis has the job: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await redis.outcome(of: transaction, idempotencyKey) { self.enqueue($0) }.get()
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension RQTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        let job = RQJob(pending.transaction)
        return redis.enqueue(
            pending,
            keys: { keys in
                let count =
                    limitsRate
                    ? RateLimitScript.addKey(
                        ofUser: pending.transaction.userID, listKey, to: &keys) : 0
                return count + job.addKey(record, to: &keys)
                    + record.addKey(of: listKey, to: &keys)
            },
            words: { job.addWords(record, to: &$0) })
    }
}
