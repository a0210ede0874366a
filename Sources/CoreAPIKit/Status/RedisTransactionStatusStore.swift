internal import CoreAPIBase
public import CoreAPIRedis
package import Logging
internal import Synchronization

/// The statuses of the transactions of a queue in Redis.
///
///     let statuses = try RedisTransactionStatusStore(url: url, stream: "transactions")
///     let status = try await statuses.status(of: id, userID: 1)
///
/// The queue keeps them if its option `statusSeconds` says so. Questions have a connection of their
/// own, which the first one opens; at most 64 wait for Redis at once, each for up to two seconds.
public final class RedisTransactionStatusStore: TransactionStatusStore {
    private let client: RedisClient
    private let kind: QueueProbe.Kind
    private let logger: Logger
    private let warning = Mutex(WarningLimit())

    /// The statuses of the transactions of a stream.
    ///
    /// - Parameters:
    ///   - url: as `StreamTransactionQueue` has it.
    ///   - key: the stream's.
    ///   - partitions: as its queues say, 1 to 1,024.
    ///   - options: logger and TLS.
    /// - Throws: `argumentInvalid`, `queueNameInvalid` or an error of the URL. Redis is not asked.
    public convenience init(
        url: String, stream key: String, partitions: Int = 1,
        options: QueueOptions = QueueOptions()
    ) throws(RedisError) {
        let target = try options.target(url, stream: key, partitions: partitions)
        self.init(
            .stream(target.queue), url: target.settings.url, on: target.loop,
            tls: target.settings.producer.tls, logger: options.logger)
    }

    /// The statuses of the jobs of a queue of python-rq.
    ///
    /// - Parameters:
    ///   - url: as `RQTransactionQueue` has it.
    ///   - name: the queue's.
    ///   - options: logger and TLS.
    ///   - jobs: the prefix of rq's keys.
    /// - Throws: `argumentInvalid`, `queueNameInvalid` or an error of the URL. Redis is not asked.
    public convenience init(
        url: String, rqQueue name: String, options: QueueOptions = QueueOptions(),
        jobs: RQJobOptions = RQJobOptions()
    ) throws(RedisError) {
        let target = try options.target(url, rqQueue: name, jobs)
        self.init(
            .rq(target.queue), url: target.settings.url, on: target.loop,
            tls: target.settings.producer.tls, logger: options.logger)
    }

    package init(
        _ kind: QueueProbe.Kind, url: RedisURL, on loop: EventLoop, tls: TLSContext?, logger: Logger
    ) {
        self.kind = kind
        self.logger = logger
        client = RedisClient(
            url: url, on: loop,
            options: RedisConnection.Options(
                limits: RedisTransactionStatusStore.limits,
                scripts: [StreamStatus.script, RQJobStatus.script], isOnDemand: true,
                name: RedisClientName(role: "status"), tls: tls),
            logger: logger)
    }

    /// Uses another login and other certificates: see `RedisConnection.renew`.
    package func renew(_ target: RedisTarget) { client.renew(target) }

    /// The maximum of questions that wait for Redis: a script takes some 20 µs of its time, so that
    /// the intake waits for a millisecond at most.
    static let waitingMax = 64

    private static let timeoutMilliseconds = 2_000

    private static var limits: RedisLimits {
        var limits = RedisLimits()
        limits.commandTimeoutMilliseconds = timeoutMilliseconds
        limits.connectTimeoutMilliseconds = timeoutMilliseconds
        limits.replyTimeoutMilliseconds = timeoutMilliseconds
        limits.pauseMillisecondsMax = 200
        limits.pendingMax = waitingMax
        return limits
    }

    /// The status of a transaction of the user: see ``TransactionStatusStore``.
    public func status(
        of id: TransactionID, userID: Int
    ) async throws(TransactionStatusError) -> TransactionStatus? {
        switch kind {
        case .rq: try await status(of: id, userID: userID, partition: 0)
        case .stream(let stream):
            try await status(of: id, userID: userID, partition: stream.index(ofUser: userID))
        }
    }

    /// The status of a transaction of any user, for operators.
    package func status(
        of id: TransactionID
    ) async throws(TransactionStatusError) -> TransactionStatus? {
        guard case .stream(let stream) = kind else {
            return try await status(of: id, userID: nil, partition: 0)
        }
        // A node of a cluster that is away must not hide what another one has.
        var failure: TransactionStatusError?
        for start in stride(from: 0, to: stream.count, by: RedisTransactionStatusStore.askedMax) {
            let end = min(start + RedisTransactionStatusStore.askedMax, stream.count)
            let results = await concurrently(Array(start..<end)) {
                partition throws(TransactionStatusError) in
                try await self.status(of: id, userID: nil, partition: partition)
            }
            for result in results {
                do { if let found = try result.get() { return found } } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return nil
    }

    /// The partitions that an operator's question asks at once.
    private static let askedMax = 32

    /// Ends the connection; questions that wait fail.
    public func close() { client.close() }

    private func status(
        of id: TransactionID, userID: Int?, partition: Int
    ) async throws(TransactionStatusError) -> TransactionStatus? {
        do throws(RedisError) {
            switch kind {
            case .rq(let keys):
                let slot = HashSlot(ofKey: keys.list.utf8)
                let reply = try await reply(to: RQJobStatus.command(id, keys), slot)
                return try RQJobStatus.status(of: id, userID: userID, queue: keys.name, reply)
            case .stream(let stream):
                let command = StreamStatus.command(id, stream, partition)
                let reply = try await reply(to: command, stream.slot(partition))
                return try StreamStatus.status(of: id, userID: userID, reply, now: .now())
            }
        } catch {
            warn(of: error)
            throw error == .backlogFull ? .overloaded : .unavailable(error)
        }
    }

    /// Logs an error reply of Redis, such as a missing right: callers do not see its text.
    private func warn(of reason: RedisError) {
        guard case .server(let reply) = reason, warning.withLock({ $0.isDue(now: .now()) })
        else { return }
        logger.warning(
            "Redis refuses to tell the status of transactions", metadata: ["reason": "\(reply)"])
    }

    /// Once more if Redis has forgotten its scripts (`SCRIPT FLUSH`), as a new login loads them.
    private func reply(
        to command: RedisCommand, _ slot: HashSlot
    ) async throws(RedisError) -> RedisReply {
        do { return try await client.reply(to: command, slot: slot).get() } catch {
            guard case .server(let answer) = error.reason, answer.kind == .scriptUnknown else {
                throw error.reason
            }
        }
        do { return try await client.reply(to: command, slot: slot).get() } catch {
            throw error.reason
        }
    }
}
