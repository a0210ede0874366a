import CoreAPIBase
import CoreAPIKit
import Logging
import Testing

/// The rules of `TransactionQueue`, on every implementation.
@Suite(.serialized, .timeLimit(.minutes(10))) struct QueueContractTests {
    enum Kind: CaseIterable, Sendable { case memory, rq, stream, partitions }

    /// A kind of queue, and the server that it is at.
    struct Setting: CustomTestStringConvertible, Sendable {
        let kind: Kind
        var server = RedisServer.Kind.redis
        var isCluster = false

        var testDescription: String {
            kind == .memory ? "\(kind)" : "\(kind) at \(server)\(isCluster ? " cluster" : "")"
        }

        /// Every kind of queue at every server.
        static let all = [Setting(kind: .memory)] + inRedisAndClusters
        static let inRedis = [Kind.rq, .stream, .partitions].flatMap { kind in
            RedisServer.Kind.allCases.map { Setting(kind: kind, server: $0) }
        }
        /// With streams of several partitions in a cluster of each server.
        static let inRedisAndClusters =
            inRedis
            + RedisServer.Kind.allCases.map {
                Setting(kind: .partitions, server: $0, isCluster: true)
            }
    }

    /// A queue, and the ids that it holds, oldest first.
    private struct Subject {
        let queue: any TransactionQueue
        let ids: () async throws -> [String]
        /// Makes Redis forget its scripts.
        var forget: () async throws -> Void = {}
    }

    private func with(
        _ setting: Setting, _ body: (Subject) async throws -> Void
    ) async throws {
        let kind = setting.kind
        if kind == .memory {
            let queue = InMemoryTransactionQueue()
            try await body(
                Subject(queue: queue, ids: { queue.transactions.map(\.id.description) }))
            return
        }
        if setting.isCluster { return try await withCluster(setting, body) }
        try await RedisServer.with(kind: setting.server) { redis in
            let queue: any TransactionQueue =
                kind == .rq
                ? try await RQTransactionQueue(url: redis.url, name: "payments")
                : try await StreamTransactionQueue(
                    url: redis.url, key: "payments", partitions: kind.partitions("payments").count)
            try await body(
                Subject(
                    queue: queue, ids: { try await kind.ids("payments", redis) },
                    forget: { _ = try await redis.command("SCRIPT", "FLUSH") }))
        }
    }

    private func withCluster(
        _ setting: Setting, _ body: (Subject) async throws -> Void
    ) async throws {
        var options = ClusterGroup.Options()
        options.replicas = 0
        options.kind = setting.server
        let partitions = setting.kind.partitions("payments")
        try await ClusterGroup.with(options) { cluster in
            let queue = try await StreamTransactionQueue(
                url: cluster.url, key: "payments", partitions: partitions.count)
            let ids = { () async throws -> [String] in
                var ids: [String] = []
                for partition in partitions.indices {
                    let key = partitions.streamKey(partition)
                    let master = try await cluster.master(of: key)
                    ids += QueueContractTests.Kind.ids(
                        try await master.server.texts("XRANGE", key, "-", "+"))
                }
                return ids
            }
            try await body(
                Subject(queue: queue, ids: ids) {
                    for node in cluster.nodes {
                        try await cluster.command("SCRIPT", "FLUSH", at: node)
                    }
                })
        }
    }

    private func transaction(_ number: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(number)),
            currency: try #require(CurrencyCode("EUR")),
            userID: 1, createdAt: .now())
    }

    @Test(arguments: Setting.all)
    func `a confirmed transaction is in the queue once`(setting: Setting) async throws {
        try await with(setting) { subject in
            let transaction = try transaction()
            try await subject.queue.enqueue(transaction)
            #expect(try await subject.ids() == [transaction.id.description])
        }
    }

    @Test(arguments: Setting.all)
    func `transactions that are enqueued in sequence keep their order`(setting: Setting)
        async throws
    {
        try await with(setting) { subject in
            let transactions = try (1...50).map(transaction)
            for transaction in transactions { try await subject.queue.enqueue(transaction) }
            #expect(try await subject.ids() == transactions.map(\.id.description))
        }
    }

    @Test(arguments: Setting.all)
    func `many tasks on other executors enqueue at once, and each transaction is there once`(
        setting: Setting
    ) async throws {
        try await with(setting) { subject in
            let transactions = try (1...2_000).map(transaction)
            let queue = subject.queue
            try await withThrowingTaskGroup(of: Void.self) { group in
                for transaction in transactions {
                    group.addTask { try await queue.enqueue(transaction) }
                }
                try await group.waitForAll()
            }
            let ids = try await subject.ids()
            #expect(ids.count == transactions.count)
            #expect(Set(ids) == Set(transactions.map(\.id.description)))
        }
    }

    @MainActor @Test(arguments: Setting.all)
    func `an actor of the embedder can enqueue`(setting: Setting) async throws {
        let transaction = try transaction()
        try await with(setting) { subject in
            try await subject.queue.enqueue(transaction)
            #expect(try await subject.ids() == [transaction.id.description])
        }
    }

    // MARK: - Idempotency keys

    private func transaction(
        _ amount: Int, _ currency: String, user: Int, at seconds: Int64 = 1_800_000_000
    ) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(amount)),
            currency: try #require(CurrencyCode(currency)), userID: user,
            createdAt: UnixTime(seconds: seconds))
    }

    @Test(arguments: Setting.all)
    func `a key's first transaction is enqueued, and later ones are answered by it`(
        setting: Setting
    )
        async throws
    {
        try await with(setting) { subject in
            let key = try #require(IdempotencyKey("8e03978e-40d5-43dd-bc93-6894a57f9324"))
            let first = try transaction(100, "USD", user: 1)
            #expect(try await subject.queue.enqueue(first, idempotencyKey: key) == .enqueued)
            for _ in 0..<3 {
                let again = try transaction(100, "USD", user: 1)
                #expect(
                    try await subject.queue.enqueue(again, idempotencyKey: key)
                        == .replayed(first.id))
            }
            #expect(try await subject.ids() == [first.id.description])
        }
    }

    @Test(arguments: Setting.all)
    func `a key with another amount or currency is refused, and keeps its transaction`(
        setting: Setting
    )
        async throws
    {
        try await with(setting) { subject in
            let key = try #require(IdempotencyKey("k"))
            let first = try transaction(100, "USD", user: 1)
            #expect(try await subject.queue.enqueue(first, idempotencyKey: key) == .enqueued)
            for other in [
                try transaction(101, "USD", user: 1), try transaction(100, "EUR", user: 1),
                try transaction(10, "USD", user: 1),
            ] {
                await #expect(throws: QueueError.idempotencyKeyReused) {
                    try await subject.queue.enqueue(other, idempotencyKey: key)
                }
            }
            #expect(
                try await subject.queue.enqueue(
                    try transaction(100, "USD", user: 1), idempotencyKey: key)
                    == .replayed(first.id))
            #expect(try await subject.ids() == [first.id.description])
        }
    }

    @Test(arguments: Setting.all)
    func `a key belongs to its user; another key, or no key, is another transaction`(
        setting: Setting
    )
        async throws
    {
        try await with(setting) { subject in
            let names: [(String?, Int)] = [
                ("k", 1), ("k", 2), ("k", 12), ("2:k", 1), ("K", 1), (nil, 1), (nil, 1),
            ]
            for (name, user) in names {
                let transaction = try transaction(100, "USD", user: user)
                let key = name.flatMap { IdempotencyKey($0) }
                #expect((key == nil) == (name == nil))
                #expect(
                    try await subject.queue.enqueue(transaction, idempotencyKey: key) == .enqueued)
            }
            #expect(try await subject.ids().count == names.count)
        }
    }

    @Test(arguments: Setting.all)
    func `of many that race with one key, one is enqueued`(setting: Setting) async throws {
        try await with(setting) { subject in
            let key = try #require(IdempotencyKey("race"))
            let queue = subject.queue
            let transactions = try (0..<200).map { _ in try transaction(7, "EUR", user: 3) }
            let outcomes = try await withThrowingTaskGroup(of: EnqueueOutcome.self) { group in
                for transaction in transactions {
                    group.addTask { try await queue.enqueue(transaction, idempotencyKey: key) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let ids = try await subject.ids()
            #expect(ids.count == 1)
            let winner = try #require(ids.first.flatMap { TransactionID($0) })
            #expect(outcomes.filter { $0 == .enqueued }.count == 1)
            #expect(outcomes.filter { $0 == .replayed(winner) }.count == 199)
        }
    }

    @Test func `keys are kept for a day, and nothing of a transaction without one`() async throws {
        try await RedisServer.with { redis in
            let queues: [any TransactionQueue] = [
                try await RQTransactionQueue(url: redis.url),
                try await StreamTransactionQueue(url: redis.url, key: "s"),
                try await StreamTransactionQueue(url: redis.url, key: "p", partitions: 7),
            ]
            for (queue, tag) in zip(queues, ["rq:queue:default", "s", "p:0"]) {
                let key = try #require(IdempotencyKey("k"))
                let transaction = try transaction(1, "USD", user: 1)
                _ = try await queue.enqueue(transaction, idempotencyKey: key)
                try await queue.enqueue(try self.transaction())
                let record = "core-api:idempotency:{\(tag)}:1:k"
                #expect(
                    try await redis.texts("GET", record) == ["\(transaction.id) 1 USD"])
                let left = try #require(Int(try await redis.texts("TTL", record).joined()))
                #expect((86_000...86_400).contains(left))
                let session = try await redis.texts("KEYS", "core-api:session:{\(tag)}:*")
                #expect(session.count == 1)
                let lifetime = try await redis.texts("TTL", try #require(session.first)).joined()
                #expect((86_000...86_400).contains(try #require(Int(lifetime))))
            }
            // A record and a session of each, and the numbers of partitions.
            #expect(try await redis.texts("KEYS", "core-api:*").count == 8)
        }
    }

    @Test(arguments: Setting.inRedisAndClusters)
    func `scripts that Redis has forgotten are loaded again`(setting: Setting) async throws {
        try await with(setting) { subject in
            try await subject.queue.enqueue(try transaction())
            for _ in 0..<3 {
                try await subject.forget()
                try await subject.queue.enqueue(try transaction())
            }
            #expect(try await subject.ids().count == 4)
        }
    }

    @Test func `in memory, a key is forgotten after a day, and their number is bounded`()
        async throws
    {
        let queue = try InMemoryTransactionQueue(capacity: 2)
        let key = try #require(IdempotencyKey("k"))
        let other = try #require(IdempotencyKey("other"))
        let start: Int64 = 1_800_000_000
        _ = try await queue.enqueue(
            try transaction(1, "USD", user: 1, at: start), idempotencyKey: key)
        _ = queue.take()
        let late = try transaction(1, "USD", user: 1, at: start + 86_399)
        guard case .replayed = try await queue.enqueue(late, idempotencyKey: key) else {
            Issue.record("forgotten too early")
            return
        }
        let later = try transaction(2, "USD", user: 1, at: start + 86_400)
        #expect(try await queue.enqueue(later, idempotencyKey: key) == .enqueued)
        _ = queue.take()
        #expect(try await queue.enqueue(later, idempotencyKey: other) == .enqueued)
        _ = queue.take()
        await #expect(throws: QueueError.full) {
            try await queue.enqueue(later, idempotencyKey: IdempotencyKey("third"))
        }
    }
}
