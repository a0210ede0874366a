package import CoreAPIBase
public import CoreAPIRedis

/// A queue of python-rq: unmodified workers run each transaction as a job.
public final class RQTransactionQueue: TransactionQueue {
    /// The queue's name, without the prefix of its key.
    public let name: String

    package let redis: RedisQueue

    private let format: RQJobFormat
    /// The hash tag of the keys that Core API keeps for the queue.
    private let tag: [UInt8]
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
    ///   - jobs: what the workers run, and for how long.
    /// - Throws: `RedisError`: `argumentInvalid` and `queueNameInvalid` before it connects.
    public convenience init(
        url: String, name: String = "default", options: QueueOptions = QueueOptions(),
        jobs: RQJobOptions = RQJobOptions()
    ) async throws(RedisError) {
        let target = try options.target(url, rqQueue: name, jobs)
        self.init(name: name, jobs, on: target.loop, target.settings)
        try await redis.connection.ready()
    }

    /// - Parameters:
    ///   - name: has passed `QueueNameError.check`.
    ///   - jobs: have passed `RQJobOptions.check`.
    package init(
        name: String, _ jobs: RQJobOptions = RQJobOptions(), on loop: EventLoop,
        _ settings: RedisQueue.Settings
    ) {
        self.name = name
        let keys = RQKeys(name: name, prefix: jobs.keyPrefix)
        format = RQJobFormat(keys, function: jobs.function)
        tag = HashTag.text(of: Array(keys.list.utf8))
        limitsRate = settings.features.rateLimit != nil
        redis = RedisQueue(
            ProducerPartitions(
                count: 1, call: { _ in RQJob.call(keys, jobs, settings.features) },
                slot: { _ in HashSlot(ofKey: keys.list.utf8) }),
            "rq", name: name, on: loop, settings)
    }

    /// Returns once Redis has the job: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await redis.enqueue(transaction, idempotencyKey) { self.enqueue($0) }
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { redis.connection.close() }
}

extension RQTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        let record = TransactionRecord(pending.transaction, pending.idempotencyKey)
        let job = RQJob(pending.transaction, format)
        return redis.enqueue(
            pending,
            keys: { keys in
                let count =
                    limitsRate
                    ? RateLimitScript.addKey(
                        ofUser: pending.transaction.userID, tag, to: &keys) : 0
                return count + job.addKey(record, to: &keys)
                    + record.addKey(of: tag, to: &keys)
            },
            words: { job.addWords(record, to: &$0) })
    }
}
