internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// What operators ask of a queue and its Redis, for the console and the command line: the checks of
/// `/health`, and the dead letters. Only its loop uses it, over connections of its own.
final class Inspector: Sendable {
    /// What a queue is and where.
    struct Target: Sendable {
        let queue: Configuration.Queue
        let url: RedisURL
        let tls: TLSContext?
        let barrier: RedisBarrier?
        let thresholds: HealthThresholds
        let features: QueueFeatures

        /// The queue's kind in Redis; nil for one in memory.
        var kind: QueueProbe.Kind? { queue.kind }
    }

    /// The state of the queue and of Redis.
    struct Overview: Sendable {
        private(set) var checks: [HealthCheck]
        let redis: RedisMonitor.Check?
        let queue: QueueStatus?
        /// The number of dead letters, and the partitions that were not reached; nil if Redis does
        /// not tell it.
        let deadLetters: DeadLetterCount?

        var status: HealthCheck.Status { .worst(of: checks.map(\.status)) }

        /// Says why Redis does not answer, for a terminal: there is no log that says so.
        mutating func tellError(of url: RedisURL) {
            guard let redis, !redis.isAnswered, let error = redis.error,
                let index = checks.firstIndex(where: { $0.name == "redis:responseTime" })
            else { return }
            checks[index].output = error.text(for: url)
        }
    }

    let target: Target
    let letters: any DeadLetterStore
    private let monitor: RedisMonitor?
    /// Renews the connection to the dead letters; nil without Redis.
    private let renewLetters: (@Sendable (RedisTarget) -> Void)?
    /// How many partitions Redis has for the stream, if that is another number than `PARTITIONS`.
    let otherPartitionCount: @Sendable () async -> Result<Int?, RedisError>
    /// Nil without Redis.
    private let statuses: RedisTransactionStatusStore?

    /// - Parameter refusals: the last refusals of transactions by Redis, if the process enqueues.
    init(_ target: Target, refusals: QueueRefusals = QueueRefusals(), on loop: EventLoop) {
        self.target = target
        guard let kind = target.kind else {
            letters = InMemoryDeadLetterStore()
            (monitor, statuses, renewLetters) = (nil, nil, nil)
            otherPartitionCount = { .success(nil) }
            return
        }
        statuses = RedisTransactionStatusStore(
            kind, url: target.url, on: loop, tls: target.tls,
            logger: Logger(label: "core-api.statuses") { _ in SwiftLogNoOpLogHandler() })
        let letters = RedisDeadLetterStore(
            kind, target.url, on: loop, target.tls, isPaced: true)
        self.letters = letters
        renewLetters = letters.renew
        otherPartitionCount = {
            do throws(RedisError) {
                return .success(try await letters.otherPartitionCount())
            } catch { return .failure(error) }
        }
        monitor = RedisMonitor(
            producer: nil, refusals: refusals,
            queue: RedisMonitor.probe(kind, target, on: loop, named: "console"),
            barrier: target.barrier, loop: loop)
    }

    /// Makes the connections anew, with another login and other certificates.
    func renew(_ target: RedisTarget) {
        monitor?.renew(target)
        statuses?.renew(target)
        renewLetters?(target)
    }

    /// The state, at most a second old, within a second; the dead letters are counted each time.
    func overview() async -> Overview {
        guard let monitor else {
            return Overview(
                checks: [], redis: nil, queue: nil, deadLetters: DeadLetterCount(count: 0))
        }
        async let queue = monitor.queueCheck()
        async let deadLetters = deadLetterCount()
        let redis = await monitor.check()
        var checks = HealthCheck.checks(of: redis)
        let found = await queue
        if let found { checks += HealthCheck.checks(of: found, target.thresholds) }
        let count = redis.isAnswered ? await deadLetters : nil
        if let count { checks.append(.deadLetters(count)) }
        return Overview(
            checks: checks, redis: redis, queue: found?.status, deadLetters: count)
    }

    private func deadLetterCount() async -> DeadLetterCount? {
        do { return try await letters.countReached() } catch { return nil }
    }

    // MARK: - Transactions

    /// The status of a transaction of any user, and the id of its dead letter if it has failed; nil
    /// if it is not known.
    func transaction(
        _ text: String
    ) async throws(RedisError) -> (status: TransactionStatus, letterID: String?)? {
        guard let id = TransactionID(text.lowercased()), let statuses else { return nil }
        let found: TransactionStatus?
        do { found = try await statuses.status(of: id) } catch {
            switch error {
            case .unavailable(let reason): throw reason
            default: throw .backlogFull
            }
        }
        guard let found else { return nil }
        return (found, found.state == .failed ? try await letterID(of: "\(id)") : nil)
    }

    /// The dead letter of a transaction: of a stream, among the newest.
    private func letterID(of transactionID: String) async throws(RedisError) -> String? {
        if case .rq = target.kind { return try await letters.letter(transactionID)?.id }
        var cursor: String?
        for _ in 0..<Inspector.pagesSearchedMax {
            let page = try await letters.page(after: cursor, reason: nil, limit: 100)
            if let letter = page.letters.first(where: { $0.transactionID == transactionID }) {
                return letter.id
            }
            cursor = page.next
            if cursor == nil { return nil }
        }
        return nil
    }

    private static let pagesSearchedMax = 10

    // MARK: - Changes

    /// A change of many letters, or a part of it.
    struct Change: Sendable {
        /// How many letters were put back or removed, also before a failure.
        var count = 0
        /// What continues; nil if that is all, and of a failure at the first step.
        var next: String?
        /// The partitions that were not reached, or not done to the end.
        var unreached: Set<Int> = []
        /// Why the change has ended early: the step that has failed may have changed up to
        /// `RedisDeadLetterStore.stepCount` letters more.
        var failure: RedisError?

        mutating func add(_ other: Change) {
            (count, next, failure) = (count + other.count, other.next, other.failure)
            unreached.formUnion(other.unreached)
        }
    }

    /// Puts back or removes letters of a reason, or of any, in a bounded number of steps and within
    /// a bounded time.
    func perform(
        _ action: DeadLetterAction, onReason reason: String?, after cursor: String?
    ) async -> Change {
        let end = MonotonicTime.now().advanced(byMilliseconds: Inspector.changeMilliseconds)
        var change = Change(next: cursor)
        for _ in 0..<Inspector.changeStepsMax {
            do {
                let step = try await letters.perform(action, onReason: reason, after: change.next)
                change.count += step.count
                change.next = step.next
                change.unreached.formUnion(step.unreached)
            } catch { change.failure = error }
            if change.failure != nil || change.next == nil || MonotonicTime.now() >= end { break }
        }
        return change
    }

    private static let changeStepsMax = 40
    private static let changeMilliseconds = 2_000
}
