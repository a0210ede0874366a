import CoreAPIBase
import CoreAPIRedis
import Foundation
import Logging
import Testing

@testable import CoreAPIKit

/// The limit of each user's transactions, on every queue.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RateLimitTests {
    typealias Kind = QueueContractTests.Kind

    /// So long that nothing is free again within a test.
    private func limit(_ count: Int) throws -> RateLimit {
        try RateLimit(count: count, seconds: 86_400)
    }

    private struct Subject {
        let queue: any TransactionQueue
        /// How many transactions it holds.
        let count: () async throws -> Int
    }

    private func with(
        _ kind: Kind, _ limit: RateLimit, statusSeconds: Int = 0,
        _ body: (Subject) async throws -> Void
    ) async throws {
        if kind == .memory {
            let queue = try InMemoryTransactionQueue(capacity: 10_000, rateLimit: limit)
            try await body(Subject(queue: queue, count: { queue.transactions.count }))
            return
        }
        try await RedisServer.with { redis in
            let queue = try await queue(kind, redis.url, limit, statusSeconds: statusSeconds)
            try await body(
                Subject(queue: queue, count: { try await self.ids(kind, redis).count }))
        }
    }

    private func ids(_ kind: Kind, _ redis: RedisServer) async throws -> [String] {
        try await kind.ids(kind == .rq ? "default" : "s", redis)
    }

    private func queue(
        _ kind: Kind, _ url: String, _ limit: RateLimit, statusSeconds: Int = 0
    ) async throws -> any TransactionQueue {
        var settings = RedisQueue.Settings(
            url: try RedisURL(url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        settings.producer.limits.messageTimeoutMilliseconds = 120_000
        settings.producer.limits.historyMilliseconds = 300_000
        settings.features.rateLimit = limit
        settings.features.statusSeconds = statusSeconds
        return try await kind.queue(settings)
    }

    private func transaction(_ amount: Int = 1, user: Int = 1) throws -> Transaction {
        try ConsumerHarness.transaction(amount, userID: user)
    }

    /// Whether the transaction is enqueued; false if the limit refuses it.
    private func enqueue(
        _ queue: any TransactionQueue, _ transaction: Transaction, key: String? = nil
    ) async throws -> Bool {
        do throws(QueueError) {
            let outcome = try await queue.enqueue(
                transaction, idempotencyKey: key.flatMap { IdempotencyKey($0) })
            #expect(outcome == .enqueued)
            return true
        } catch {
            guard case .rateLimited(let seconds) = error else { throw error }
            #expect((1...86_400).contains(seconds))
            return false
        }
    }

    @Test(arguments: Kind.allCases)
    func `as many as the limit says are accepted of each user, at once or one by one`(kind: Kind)
        async throws
    {
        for statusSeconds in [0, 600] {
            try await with(kind, try limit(50), statusSeconds: statusSeconds) { subject in
                let queue = subject.queue
                let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<300 {
                        let transaction = try transaction(user: number % 3)
                        let key = number.isMultiple(of: 5) ? "\(number)" : nil
                        group.addTask { try await enqueue(queue, transaction, key: key) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(accepted.count { $0 } == 150)
                #expect(try await subject.count() == 150)
                for user in 0..<3 {
                    #expect(try await !enqueue(queue, try transaction(user: user)))
                }
                #expect(try await enqueue(queue, try transaction(user: 3)))
                #expect(try await subject.count() == 151)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `replays and refusals do not count, and a replay is answered beyond the limit`(kind: Kind)
        async throws
    {
        try await with(kind, try limit(3)) { subject in
            let key = IdempotencyKey("k")
            let first = try transaction(100)
            #expect(try await subject.queue.enqueue(first, idempotencyKey: key) == .enqueued)
            for _ in 0..<10 {
                #expect(
                    try await subject.queue.enqueue(try transaction(100), idempotencyKey: key)
                        == .replayed(first.id))
                await #expect(throws: QueueError.idempotencyKeyReused) {
                    try await subject.queue.enqueue(try transaction(101), idempotencyKey: key)
                }
            }
            #expect(try await enqueue(subject.queue, try transaction()))
            #expect(try await enqueue(subject.queue, try transaction()))
            for number in 0..<10 {
                #expect(try await !enqueue(subject.queue, try transaction(), key: "\(number)"))
                #expect(try await !enqueue(subject.queue, try transaction()))
            }
            #expect(
                try await subject.queue.enqueue(try transaction(100), idempotencyKey: key)
                    == .replayed(first.id))
            #expect(try await subject.count() == 3)
        }
    }

    @Test(arguments: Kind.allCases)
    func `what the limit has refused is accepted later, with its key`(kind: Kind) async throws {
        try await with(kind, try RateLimit(count: 1, seconds: 1)) { subject in
            #expect(try await enqueue(subject.queue, try transaction()))
            let transaction = try transaction()
            try await eventually("one is free again") {
                try await enqueue(subject.queue, transaction, key: "k")
            }
            #expect(try await subject.count() == 2)
        }
    }

    // MARK: - Redis

    private static let kinds = [Kind.rq, .stream, .partitions]

    @Test(arguments: kinds)
    func `the rate is one small value that expires, and none without a limit`(kind: Kind)
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await queue(kind, redis.url, try RateLimit(count: 2, seconds: 60))
            #expect(try await enqueue(queue, try transaction()))
            let tag = kind.tag(kind == .rq ? "default" : "s")
            #expect(
                try await redis.texts("KEYS", "core-api:limit:*") == ["core-api:limit:{\(tag)}:1"])
            let key = "core-api:limit:{\(tag)}:1"
            let value = try await redis.texts("GET", key).joined()
            #expect(value.wholeMatch(of: /\d{16} 1/) != nil, "\(value)")
            let life = try #require(Int(try await redis.texts("PTTL", key).joined()))
            #expect((20_000...30_000).contains(life))
            #expect(try await redis.texts("KEYS", "*:refused").isEmpty)
            #expect(try await enqueue(queue, try transaction()))
            #expect(try await !enqueue(queue, try transaction()))
            // The numbers of refused ones, beside their session, for as long.
            let refused = try await redis.texts("KEYS", "core-api:session:{\(tag)}:*:refused")
            #expect(refused.count == 1)
            let seconds = try await redis.texts("TTL", refused.joined()).joined()
            #expect((86_000...86_400).contains(try #require(Int(seconds))))
        }
    }

    @Test(arguments: kinds)
    func `two queues share the limit of a user`(kind: Kind) async throws {
        try await RedisServer.with { redis in
            let queues = [
                try await queue(kind, redis.url, try limit(100)),
                try await queue(kind, redis.url, try limit(100)),
            ]
            let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<400 {
                    let transaction = try transaction()
                    group.addTask { try await enqueue(queues[number % 2], transaction) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(accepted.count { $0 } == 100)
            #expect(try await ids(kind, redis).count == 100)
        }
    }

    @Test(arguments: kinds)
    func `lost replies neither lose, double nor count a transaction twice`(kind: Kind)
        async throws
    {
        try await RedisServer.with { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                let queue = try await queue(kind, proxy.url, try limit(60))
                try await proxied(queue, proxy, 20)
                var accepted: [String] = []
                for round in 0..<10 {
                    try proxy.loseOnce()
                    let found = try await withThrowingTaskGroup(of: String?.self) { group in
                        for number in 0..<10 {
                            let transaction = try transaction()
                            let key = number.isMultiple(of: 3) ? "\(round)-\(number)" : nil
                            group.addTask {
                                try await enqueue(queue, transaction, key: key)
                                    ? "\(transaction.id)" : nil
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    accepted += found.compactMap { $0 }
                }
                #expect(proxy.cutCount >= 10)
                #expect(accepted.count == 40)
                let queued = try await ids(kind, redis)
                #expect(queued.count == 60)
                #expect(Set(queued).isSuperset(of: accepted))
            }
        }
    }

    /// Enqueues transactions of which none is refused.
    private func proxied(
        _ queue: any TransactionQueue, _ proxy: ReplyLosingProxy, _ count: Int
    ) async throws {
        for _ in 0..<count { #expect(try await enqueue(queue, try transaction())) }
    }

    @Test(arguments: kinds)
    func `confirmed transactions that Redis has lost are sent again, beyond the limit too`(
        kind: Kind
    ) async throws {
        try await RedisServer.with(["--appendonly", "no"]) { redis in
            let queue = try await queue(kind, redis.url, try limit(20))
            for _ in 0..<20 { #expect(try await enqueue(queue, try transaction())) }
            #expect(try await !enqueue(queue, try transaction()))
            redis.kill()
            try await redis.start()
            // The rate is lost as well; another has used it up meanwhile.
            let tag = kind.tag(kind == .rq ? "default" : "s")
            let now = UnixTime.now().wholeSeconds * 1_000_000
            _ = try await redis.command(
                "SET", "core-api:limit:{\(tag)}:1", "\(now + 86_400_000_000) 0")
            #expect(try await !enqueue(queue, try transaction()))
            #expect(try await ids(kind, redis).count == 20)
        }
    }

    @Test(arguments: kinds)
    func `a Redis that restarts with its data remembers the rate`(kind: Kind) async throws {
        try await RedisServer.with(ConsumerHarness.keepsEverything) { redis in
            let queue = try await queue(kind, redis.url, try limit(5))
            for _ in 0..<5 { #expect(try await enqueue(queue, try transaction())) }
            redis.kill()
            try await redis.start()
            #expect(try await !enqueue(queue, try transaction()))
            #expect(try await ids(kind, redis).count == 5)
        }
    }

    @Test(arguments: kinds)
    func `what Redis refuses gives back what it has taken of the rate`(kind: Kind) async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(kind, redis.url, try limit(3))
            let key = kind.key(kind == .rq ? "default" : "s")
            #expect(try await enqueue(queue, try transaction()))
            _ = try await redis.command("RENAME", key, "aside")
            _ = try await redis.command("SET", key, "another type")
            for number in 0..<10 {
                for name in [nil, IdempotencyKey("\(number)")] {
                    await #expect(throws: QueueError.self) {
                        try await queue.enqueue(try transaction(), idempotencyKey: name)
                    }
                }
            }
            _ = try await redis.command("RENAME", "aside", key)
            #expect(try await enqueue(queue, try transaction()))
            #expect(try await enqueue(queue, try transaction()))
            #expect(try await !enqueue(queue, try transaction()))
        }
    }

    @Test(arguments: kinds)
    func `a rate of another type refuses its user alone`(kind: Kind) async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(kind, redis.url, try limit(50))
            // The same partition for user 1 and those beside it.
            let tag = kind.tag(kind == .rq ? "default" : "s")
            _ = try await redis.command("SADD", "core-api:limit:{\(tag)}:1", "another's")
            let results = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
                for number in 0..<60 {
                    let user = number.isMultiple(of: 6) ? 1 : 2 + number
                    let transaction = try transaction(user: user)
                    group.addTask {
                        do throws(QueueError) {
                            _ = try await queue.enqueue(transaction, idempotencyKey: nil)
                            return (user, true)
                        } catch { return (user, false) }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.allSatisfy { $0.1 == ($0.0 != 1) })
            #expect(try await ids(kind, redis).count == 50)
        }
    }
}
