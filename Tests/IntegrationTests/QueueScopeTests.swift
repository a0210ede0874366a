import ChildProcess
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The records of a queue belong to that queue alone.
@Suite(.serialized, .timeLimit(.minutes(10))) struct QueueScopeTests {
    private func transaction() throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(100)),
            currency: try #require(CurrencyCode("USD")), userID: 1, createdAt: .now())
    }

    @Test func `queues of one Redis have the same key once each, and replay their own`()
        async throws
    {
        try await RedisServer.with { redis in
            let url = redis.url
            let queues: [(any TransactionQueue, length: [String])] = [
                (
                    try await RQTransactionQueue(url: url, name: "payments"),
                    ["LLEN", "rq:queue:payments"]
                ),
                (
                    try await RQTransactionQueue(url: url, name: "refunds"),
                    ["LLEN", "rq:queue:refunds"]
                ),
                (
                    try await StreamTransactionQueue(url: url, key: "payments"),
                    ["XLEN", "payments"]
                ),
                (try await StreamTransactionQueue(url: url, key: "refunds"), ["XLEN", "refunds"]),
                (try await StreamTransactionQueue(url: url, key: "s"), ["XLEN", "s"]),
                (try await StreamTransactionQueue(url: url, key: "s:1"), ["XLEN", "s:1"]),
            ]
            let key = try #require(IdempotencyKey("8e03978e-40d5-43dd-bc93-6894a57f9324"))
            var first: [TransactionID] = []
            for (queue, _) in queues {
                let transaction = try transaction()
                #expect(try await queue.enqueue(transaction, idempotencyKey: key) == .enqueued)
                first.append(transaction.id)
            }
            for ((queue, length), id) in zip(queues, first) {
                let outcome = try await queue.enqueue(try transaction(), idempotencyKey: key)
                #expect(outcome == .replayed(id))
                #expect(try await redis.command(length) == .integer(1), "\(length)")
            }
            let tags = ["payments", "refunds", "rq:queue:payments", "rq:queue:refunds", "s", "s:1"]
            let records = Set(try await redis.texts("KEYS", "core-api:idempotency:*"))
            #expect(records == Set(tags.map { "core-api:idempotency:{\($0)}:1:\(key)" }))
            for tag in tags {
                let sessions = try await redis.texts("KEYS", "core-api:session:{\(tag)}:*")
                #expect(sessions.count == 1, "\(tag)")
            }
        }
    }

    @Test func `two servers with queues of their own enqueue one transaction each for one key`()
        async throws
    {
        try await RedisServer.with { redis in
            for pair in [["rq:payments", "rq:refunds"], ["stream:a", "stream:b"]] {
                for queue in pair {
                    let environment = ["QUEUE": queue, "REDIS_URL": redis.url]
                    try await APIServer.with(environment) { server in
                        let answer = try server.post(
                            APIServer.body(), fields: "Idempotency-Key: k\r\n")
                        #expect(answer.status == 200)
                        #expect(answer.fields["idempotent-replayed"] == nil, "\(queue)")
                    }
                }
            }
            for queue in ["payments", "refunds"] {
                let length = try await redis.command("LLEN", "rq:queue:\(queue)")
                #expect(length == .integer(1), "\(queue)")
            }
            for stream in ["a", "b"] {
                #expect(try await redis.command("XLEN", stream) == .integer(1), "\(stream)")
            }
        }
    }

    @Test(arguments: [
        ("", QueueNameError.empty), ("{", .braces), ("}", .braces), ("{a}", .braces),
        ("a}:1:k", .braces), ("a{b", .braces),
    ])
    func `a name that no queue can have is thrown, before Redis is asked`(
        name: String, flaw: QueueNameError
    ) async throws {
        // No server listens there.
        let url = "redis://127.0.0.1:\(try FreePort.next())"
        await #expect(throws: RedisError.queueNameInvalid(flaw)) {
            try await RQTransactionQueue(url: url, name: name)
        }
        await #expect(throws: RedisError.queueNameInvalid(flaw)) {
            try await StreamTransactionQueue(url: url, key: name)
        }
    }

    @Test(arguments: ["rq:{payments}", "stream:a}b", "stream:{"])
    func `a QUEUE with braces is status 78, in one line with the correct form`(
        queue: String
    ) async throws {
        let refused = try await Program.run(
            Program.built("core-api"), [],
            environment: ["JWT_SECRET": APIServer.secret, "HTTP_PORT": "0", "QUEUE": queue])
        #expect(refused.status == 78)
        #expect(
            refused.errors
                == "core-api: QUEUE is \"\(queue)\": the name of a queue has no braces, { or }\n")
    }

    // MARK: - Records of the version before

    /// The commands of the section "Upgrading" in docs/operations.md, for this Redis.
    private func upgradeCommands(_ redis: RedisServer) throws -> String {
        let text = try String(
            contentsOf: Program.root.appending(path: "docs/operations.md"), encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## Upgrading\n").last)
        let blocks = section.components(separatedBy: "```sh\n")
        let commands = try #require(blocks.dropFirst().first?.components(separatedBy: "```").first)
        return commands.replacingOccurrences(of: "redis-cli", with: "redis-cli -p \(redis.port)")
    }

    @Test func `an upgrade as docs say it keeps the keys of the version before`() async throws {
        try await RedisServer.with { redis in
            let names = ["k", "a\"b\\c$d'e`f", "{x}:%s&*", "8e03978e-40d5-43dd-bc93-6894a57f9324"]
            let id = TransactionID.random()
            for name in names {
                _ = try await redis.command(
                    "SET", "core-api:idempotency:1:\(name)", "\(id) 100 USD", "EX", "5000")
            }
            _ = try await redis.command(
                "SET", "core-api:idempotency:{rq:queue:default}:1:there", "kept", "EX", "5000")
            // More than one page of a scan.
            for number in 0..<300 {
                _ = try await redis.command("SET", "core-api:transaction:\(number)", "x")
            }
            let result = try await Program.run("sh", ["-c", try upgradeCommands(redis)])
            #expect(result.status == 0, "\(result.errors)")
            let queue = try await RQTransactionQueue(url: redis.url)
            for name in names {
                let key = try #require(IdempotencyKey(name))
                let outcome = try await queue.enqueue(try transaction(), idempotencyKey: key)
                #expect(outcome == .replayed(id), "\(name)")
                let record = "core-api:idempotency:{rq:queue:default}:1:\(name)"
                let left = try #require(Int(try await redis.texts("TTL", record).joined()))
                #expect((4_000...5_000).contains(left))
            }
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(0))
            let there = "core-api:idempotency:{rq:queue:default}:1:there"
            #expect(try await redis.texts("GET", there) == ["kept"])
            #expect(try await redis.texts("KEYS", "core-api:idempotency:*").count == 9)
        }
    }
}
