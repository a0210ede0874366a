import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// After a refusal by Redis, whatever the reason, the same idempotency key may be used again: then
/// there is exactly one job.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RefusalTests {
    private static let queues = ["rq:default", "stream:transactions"]

    /// The queue's own key in Redis.
    private func key(_ queue: String) -> String {
        queue == "rq:default" ? "rq:queue:default" : "transactions"
    }

    private func record(_ queue: String, _ name: String = "k") -> String {
        "core-api:idempotency:{\(key(queue))}:1:\(name)"
    }

    private func length(_ queue: String, _ redis: RedisServer) async throws -> RedisReply {
        try await redis.command(queue == "rq:default" ? "LLEN" : "XLEN", key(queue))
    }

    private func post(_ server: APIServer, _ name: String = "k") throws -> Answer {
        try server.post(APIServer.body(), fields: "Idempotency-Key: \(name)\r\n")
    }

    private func expectRefused(_ answer: Answer, _ why: String) {
        #expect(answer.status == 503, "\(why)")
        #expect(answer.body.contains("\"code\":\"queue_unavailable\""), "\(why)")
    }

    /// A retry after a refusal is the first transaction of its key, and the one after it a replay.
    private func expectFirst(_ server: APIServer, _ name: String = "k", _ why: String) throws {
        let first = try post(server, name)
        #expect(first.status == 200, "\(why)")
        #expect(first.fields["idempotent-replayed"] == nil, "\(why)")
        let again = try post(server, name)
        #expect(again.status == 200, "\(why)")
        #expect(again.fields["idempotent-replayed"] == "true", "\(why)")
        #expect(again.fields["transaction-id"] == first.fields["transaction-id"], "\(why)")
    }

    // MARK: - Rights

    private func rights(_ queue: String) throws -> (user: String, rights: [String]) {
        try #require(RedisServer.accessRights.first { queue.hasPrefix($0.0.prefix(2)) })
    }

    private func give(
        _ queue: String, without missing: [String] = [], _ redis: RedisServer
    ) async throws -> [String: String] {
        let (user, rights) = try rights(queue)
        let given = rights.filter { !missing.contains($0) }
        _ = try await redis.command(["ACL", "SETUSER", user, "reset", "on", ">pw"] + given)
        return [
            "REDIS_URL": "redis://\(user):pw@127.0.0.1:\(redis.port)", "QUEUE": queue,
            "THREADS": "1",
        ]
    }

    /// The rights that a transaction does without: what a refused push leaves is removed by DEL, a
    /// batch that is too late is recognized by TIME, another Redis by INFO.
    static let spareRights = ["+del", "+time", "+info"]

    @Test(arguments: queues)
    func `each right that is missing, alone or together with DEL, is given back: one job`(
        queue: String
    ) async throws {
        let spare = RefusalTests.spareRights
        for right in try rights(queue).rights {
            for missing in [[right], [right, "+del"]] {
                try await RedisServer.with { redis in
                    let environment = try await give(queue, without: missing, redis)
                    try await APIServer.with(environment) { server in
                        if spare.contains(right) {
                            #expect(try post(server).status == 200, "without \(missing)")
                            _ = try await give(queue, redis)
                            let replay = try post(server)
                            #expect(replay.fields["idempotent-replayed"] == "true")
                        } else {
                            expectRefused(try post(server), "without \(missing)")
                            _ = try await give(queue, redis)
                            try expectFirst(server, "k", "without \(missing)")
                        }
                        #expect(
                            try await length(queue, redis) == .integer(1), "without \(missing)")
                    }
                }
            }
        }
    }

    @Test(arguments: queues)
    func `a record that may not be read refuses its key alone, and keeps it`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(try await give(queue, redis)) { server in
                let first = try post(server)
                #expect(first.status == 200)
                _ = try await give(queue, without: ["+get"], redis)
                expectRefused(try post(server), "without +get")
                #expect(try post(server, "new").status == 200)
                _ = try await give(queue, redis)
                let again = try post(server)
                #expect(again.fields["idempotent-replayed"] == "true")
                #expect(again.fields["transaction-id"] == first.fields["transaction-id"])
                #expect(try await length(queue, redis) == .integer(2))
            }
        }
    }

    // MARK: - Types

    @Test(arguments: queues)
    func `each key that holds another type is removed: one job, with the right to DEL or not`(
        queue: String
    ) async throws {
        var keys = [key(queue), record(queue)]
        if queue == "rq:default" { keys.append("rq:queues") }
        for key in keys {
            for missing in [[], ["+del"]] {
                try await RedisServer.with { redis in
                    _ = try await redis.command("HSET", key, "field", "value")
                    let environment = try await give(queue, without: missing, redis)
                    try await APIServer.with(environment) { server in
                        for _ in 1...3 { expectRefused(try post(server), "\(key) \(missing)") }
                        #expect(try await redis.texts("HGETALL", key) == ["field", "value"])
                        _ = try await redis.command("DEL", key)
                        try expectFirst(server, "k", "\(key) \(missing)")
                        #expect(try await length(queue, redis) == .integer(1), "\(key)")
                    }
                }
            }
        }
    }

    @Test func `a value of another type at a job's key is refused, and kept`() async throws {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            let key = try #require(IdempotencyKey("k"))
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(1)),
                currency: try #require(CurrencyCode("EUR")), userID: 1, createdAt: .now(),
                traceParent: TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
            let job = "rq:job:\(transaction.id)"
            _ = try await redis.command("SET", job, "another's")
            await #expect(throws: QueueError.self) {
                try await queue.enqueue(transaction, idempotencyKey: key)
            }
            #expect(try await redis.texts("GET", job) == ["another's"])
            _ = try await redis.command("DEL", job)
            #expect(try await queue.enqueue(transaction, idempotencyKey: key) == .enqueued)
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(1))
            #expect(try await redis.command("HLEN", job) == .integer(14))
        }
    }

    @Test func `a push that is refused leaves no hash, unless DEL is refused too`() async throws {
        for (missing, count) in [([], 0), (["+del"], 1)] {
            try await RedisServer.with { redis in
                _ = try await redis.command("SET", "rq:queue:default", "x")
                let environment = try await give("rq:default", without: missing, redis)
                try await APIServer.with(environment) { server in
                    expectRefused(try post(server), "\(missing)")
                    #expect(try await redis.texts("KEYS", "rq:job:*").count == count)
                }
            }
        }
    }

    @Test(arguments: queues, RedisServer.Kind.allCases)
    func `one key survives refusals of every kind, one after another, in any order`(
        queue: String, kind: RedisServer.Kind
    ) async throws {
        let rights = try rights(queue).rights.filter {
            $0.hasPrefix("+") && !RefusalTests.spareRights.contains($0)
        }
        let order = rights + ["type", "memory"]
        for reasons in [order, order.reversed()] {
            try await RedisServer.with(kind: kind) { redis in
                try await APIServer.with(try await give(queue, redis)) { server in
                    for reason in reasons {
                        try await expectRefused(for: reason, queue, redis, server)
                    }
                    try expectFirst(server, "k", "\(reasons)")
                    #expect(try await length(queue, redis) == .integer(1))
                }
            }
        }
    }

    /// Brings about a reason for a refusal, and ends it again.
    private func expectRefused(
        for reason: String, _ queue: String, _ redis: RedisServer, _ server: APIServer
    ) async throws {
        switch reason {
        case "type":
            _ = try await redis.command("SET", key(queue), "x")
            expectRefused(try post(server), reason)
            _ = try await redis.command("DEL", key(queue))
        case "memory":
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
            expectRefused(try post(server), reason)
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
        // The connection is logged in, and a new key's record is not read.
        case "+script|load", "+get": break
        default:
            _ = try await give(queue, without: [reason, "+del"], redis)
            expectRefused(try post(server), "without \(reason)")
            _ = try await give(queue, redis)
        }
    }

    // MARK: - States

    @Test(arguments: queues)
    func `a full Redis refuses, and has room again: one job`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                expectRefused(try post(server), "OOM")
                let keys = try await redis.texts("KEYS", "*")
                #expect(
                    keys.allSatisfy {
                        $0.hasPrefix("core-api:session:") || $0.hasPrefix("core-api:partitions:")
                    })
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                try expectFirst(server, "k", "OOM")
                #expect(try await length(queue, redis) == .integer(1))
            }
        }
    }

    @Test(arguments: queues)
    func `a void record that has not expired yet is no record`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                let record = record(queue)
                _ = try await redis.command("SET", record, "", "EX", "100")
                try expectFirst(server, "k", "void")
                let left = try #require(Int(try await redis.texts("TTL", record).joined()))
                #expect((86_000...86_400).contains(left))
                // One that is made void again is void again.
                _ = try await redis.command("DEL", key(queue))
                _ = try await redis.command("SET", key(queue), "x")
                let other = self.record(queue, "other")
                _ = try await redis.command("SET", other, "", "EX", "100")
                expectRefused(try post(server, "other"), "void, and refused")
                _ = try await redis.command("DEL", key(queue))
                try expectFirst(server, "other", "void, and refused")
                #expect(try await length(queue, redis) == .integer(1))
            }
        }
    }

    // MARK: - Replies that are lost

    @Test(arguments: queues)
    func `a reply that is lost on its way is asked for again: one job, and no replay`(
        queue: String
    ) async throws {
        try await RedisServer.with { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                try await APIServer.with(["QUEUE": queue, "REDIS_URL": proxy.url]) { server in
                    try proxy.loseOnce()
                    try expectFirst(server, "k", "lost once")
                    #expect(proxy.cutCount == 1)
                    #expect(try await length(queue, redis) == .integer(1))
                }
            }
        }
    }

    @Test(arguments: queues)
    func `an outcome that stays unknown is known by the retry: one job`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                let environment = [
                    "QUEUE": queue, "REDIS_URL": proxy.url, "ENQUEUE_TIMEOUT": "1",
                ]
                try await APIServer.with(environment) { server in
                    try await eventually("the session is open") {
                        try server.get("/health/ready").status == 200
                    }
                    try proxy.loseAll()
                    let unknown = try post(server)
                    #expect(unknown.status == 504)
                    #expect(proxy.cutCount >= 1)
                    try proxy.passOn()
                    let replay = try post(server)
                    #expect(replay.status == 200)
                    #expect(replay.fields["idempotent-replayed"] == "true")
                    #expect(try await length(queue, redis) == .integer(1))
                }
            }
        }
    }

    @Test(arguments: queues)
    func `a refusal that is lost on its way is found out, and leaves no record`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                try await APIServer.with(["QUEUE": queue, "REDIS_URL": proxy.url]) { server in
                    try await eventually("the session is open") {
                        try server.get("/health/ready").status == 200
                    }
                    _ = try await redis.command("SET", key(queue), "x")
                    try proxy.loseOnce()
                    expectRefused(try post(server), "a lost refusal")
                    #expect(proxy.cutCount == 1)
                    _ = try await redis.command("DEL", key(queue))
                    try expectFirst(server, "k", "a lost refusal")
                    #expect(try await length(queue, redis) == .integer(1))
                }
            }
        }
    }
}
