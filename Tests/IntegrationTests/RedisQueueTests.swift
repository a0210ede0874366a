import ChildProcess
import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Logging
import Testing

/// The rules of the queues in Redis, beyond the contract of every queue.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RedisQueueTests {
    private func transaction(_ number: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(number)),
            currency: try #require(CurrencyCode("EUR")),
            userID: 1, createdAt: .now())
    }

    @Test func `a stream entry has its five fields`() async throws {
        try await RedisServer.with { redis in
            let queue = try await StreamTransactionQueue(url: redis.url, key: "s")
            let transaction = try Transaction(
                id: .random(), amount: try #require(Amount(9_007_199_254_740_991)),
                currency: try #require(CurrencyCode("JPY")), userID: 0,
                createdAt: UnixTime(nanoseconds: 1_636_027_031_123_456_789))
            try await queue.enqueue(transaction)
            #expect(
                try await Array(redis.texts("XRANGE", "s", "-", "+").dropFirst()) == [
                    "id", transaction.id.description, "amount", "9007199254740991", "currency",
                    "JPY",
                    "user_id", "0", "created_at", "2021-11-04T11:57:11.123456Z",
                ])
        }
    }

    @Test func `a replay writes its record again, so that a barrier has something to wait for`()
        async throws
    {
        try await RedisServer.with { redis in
            let queues: [any TransactionQueue] = [
                try await StreamTransactionQueue(url: redis.url, key: "s"),
                try await RQTransactionQueue(url: redis.url),
            ]
            for (queue, tag) in zip(queues, ["s", "rq:queue:default"]) {
                let key = try #require(IdempotencyKey("k"))
                let first = try transaction()
                #expect(try await queue.enqueue(first, idempotencyKey: key) == .enqueued)
                let record = "core-api:idempotency:{\(tag)}:1:k"
                let before = try await redis.command("GET", record)
                _ = try await redis.command("EXPIRE", record, "1000")
                _ = try await redis.command("SAVE")
                let replay = try await queue.enqueue(transaction(), idempotencyKey: key)
                #expect(replay == .replayed(first.id))
                guard case .bulk(let text) = try await redis.command("INFO", "persistence") else {
                    Issue.record("INFO has no answer")
                    return
                }
                let info = String(decoding: text, as: UTF8.self)
                #expect(info.contains("rdb_changes_since_last_save:1\r\n"))
                #expect(try await redis.command("GET", record) == before)
                // The record keeps its lifetime.
                let left = try #require(Int(try await redis.texts("TTL", record).joined()))
                #expect((1...1_000).contains(left))
            }
        }
    }

    @Test func `a queue that cannot connect says why, at once`() async throws {
        let port = try FreePort.next()
        do {
            _ = try await StreamTransactionQueue(url: "redis://127.0.0.1:\(port)", key: "s")
            Issue.record("connected")
        } catch {
            #expect(error == .connectFailed(SystemError(code: 111, call: "connect")))
        }
        await #expect(throws: RedisError.urlInvalid(.scheme)) {
            try await RQTransactionQueue(url: "http://127.0.0.1")
        }
        do {
            _ = try await RQTransactionQueue(url: "redis://no-such-host.invalid")
            Issue.record("connected")
        } catch {
            guard case .hostNotFound = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func `a name is resolved, and the database and the password are those of the URL`()
        async throws
    {
        try await RedisServer.with(["--requirepass", "pa:ss/w@rd"]) { redis in
            let login = "redis://:pa%3Ass%2Fw%40rd@localhost:\(redis.port)/3"
            let queue = try await StreamTransactionQueue(url: login, key: "s")
            try await queue.enqueue(try transaction())
            #expect(try await redis.command("XLEN", "s", url: login) == .integer(1))
            let other = "redis://:pa%3Ass%2Fw%40rd@localhost:\(redis.port)/4"
            #expect(try await redis.command("XLEN", "s", url: other) == .integer(0))
            for wrong in [
                "redis://127.0.0.1:\(redis.port)/3", "redis://:no@127.0.0.1:\(redis.port)",
            ] {
                do throws(RedisError) {
                    _ = try await StreamTransactionQueue(url: wrong, key: "s")
                    Issue.record("logged in by \(wrong)")
                } catch {
                    guard case .refused(let reply) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect([.noAuthentication, .wrongPassword].contains(reply.kind))
                }
            }
        }
    }

    @Test func `a user of the access list needs no more rights than docs say`() async throws {
        try await RedisServer.with { redis in
            for (user, rights) in RedisServer.accessRights {
                _ = try await redis.command(["ACL", "SETUSER", user, "on", ">pw"] + rights)
            }
            let rq = "redis://rq-producer:pw@127.0.0.1:\(redis.port)"
            let stream = "redis://stream-producer:pw@127.0.0.1:\(redis.port)"
            let key = try #require(IdempotencyKey("k"))
            let jobs = try await RQTransactionQueue(url: rq)
            let entries = try await StreamTransactionQueue(url: stream, key: "transactions")
            for queue in [jobs, entries] as [any TransactionQueue] {
                try await queue.enqueue(try transaction())
                let first = try transaction()
                #expect(try await queue.enqueue(first, idempotencyKey: key) == .enqueued)
                let again = try transaction()
                guard case .replayed = try await queue.enqueue(again, idempotencyKey: key) else {
                    Issue.record("not replayed")
                    continue
                }
            }
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(2))
            #expect(try await redis.command("XLEN", "transactions") == .integer(2))
            try await expectUnavailable(
                .noPermission, try await StreamTransactionQueue(url: stream, key: "other"))
        }
    }

    @Test func `the rights that docs say are those that are tested`() throws {
        let text = try String(
            contentsOf: Program.root.appending(path: "docs/wire-formats.md"), encoding: .utf8)
        for (user, rights) in RedisServer.accessRights {
            let line =
                "ACL SETUSER \(user) on '>PASSWORD' "
                + rights.map { $0.contains("~") ? "'\($0)'" : $0 }.joined(separator: " ")
            #expect(text.contains(line), "\(line)")
        }
        for (user, rights) in zip(
            ["stream-producer", "stream-consumer", "rq-producer"] + ["rq-producer"]
                + ["stream-producer"], RedisServer.statusRights + RedisServer.limitRights)
        {
            let line =
                "ACL SETUSER \(user) "
                + rights.map { $0.contains("~") ? "'\($0)'" : $0 }.joined(separator: " ") + "\n"
            #expect(text.contains(line), "\(line)")
        }
    }

    private func expectUnavailable(
        _ kind: RedisServerError.Kind, _ queue: any TransactionQueue,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        do {
            try await queue.enqueue(try transaction())
            Issue.record("enqueued", sourceLocation: sourceLocation)
        } catch let error as QueueError {
            guard case .unavailable(.server(let reply)) = error else {
                Issue.record("\(error)", sourceLocation: sourceLocation)
                return
            }
            #expect(reply.kind == kind, sourceLocation: sourceLocation)
        }
    }

    @Test func `a transaction that Redis refuses is not enqueued, and the error names the reason`()
        async throws
    {
        try await RedisServer.with { redis in
            let rq = try await RQTransactionQueue(url: redis.url)
            let stream = try await StreamTransactionQueue(url: redis.url, key: "s")

            _ = try await redis.command("SET", "s", "x")
            _ = try await redis.command("SET", "rq:queue:default", "x")
            try await expectUnavailable(.wrongType, rq)
            try await expectUnavailable(.wrongType, stream)
            _ = try await redis.command("DEL", "s", "rq:queue:default")

            _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
            try await expectUnavailable(.outOfMemory, rq)
            try await expectUnavailable(.outOfMemory, stream)
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")

            _ = try await redis.command("SET", "rq:queues", "x")
            try await expectUnavailable(.wrongType, rq)
            _ = try await redis.command("DEL", "rq:queues")

            try await eventually("nothing is left of what was refused") {
                try await redis.texts("KEYS", "*").filter { !$0.contains(":session:") }
                    == ["core-api:partitions:{s}"]
            }
            try await rq.enqueue(try transaction())
            try await stream.enqueue(try transaction())
        }
    }

    /// A queue that waits for longer than the slowest machine takes for the outage of a test.
    private func patientQueue(
        _ kind: QueueContractTests.Kind, _ redis: RedisServer
    ) async throws -> any TransactionQueue {
        var settings = RedisQueue.Settings(
            url: try RedisURL(redis.url), logger: Logger(label: "test"))
        settings.producer.limits.messageTimeoutMilliseconds = 120_000
        return try await kind.queue(settings)
    }

    @Test(arguments: [QueueContractTests.Kind.rq, .stream, .partitions])
    func `a Redis that comes back within the deadline costs time, and no error`(
        kind: QueueContractTests.Kind
    )
        async throws
    {
        try await RedisServer.with(["--appendfsync", "always"]) { redis in
            let queue = try await patientQueue(kind, redis)
            try await queue.enqueue(try transaction())
            redis.kill()
            async let later: Void = queue.enqueue(try transaction())
            try await redis.start()
            try await later
            let length =
                kind == .rq
                ? try await redis.command("LLEN", "rq:queue:default")
                : try await redis.command("XLEN", kind.key("s"))
            #expect(length == .integer(2))
        }
    }

    @Test(arguments: [QueueContractTests.Kind.rq, .stream, .partitions])
    func `a Redis that is a replica for a while costs time, and no error`(
        kind: QueueContractTests.Kind
    ) async throws {
        try await RedisServer.with { redis in
            let queue = try await patientQueue(kind, redis)
            _ = try await redis.command("REPLICAOF", "127.0.0.1", "1")
            async let later: Void = queue.enqueue(try transaction())
            try await eventually("the queue was refused") {
                try await redis.texts("INFO", "errorstats").joined().contains("READONLY")
            }
            _ = try await redis.command("REPLICAOF", "NO", "ONE")
            try await later
        }
    }

    @Test func `without a Redis, a transaction is surely not enqueued when its time is over`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await StreamTransactionQueue(url: redis.url, key: "s")
            redis.kill()
            // The first may still be sent into a connection that is about to break.
            _ = try? await queue.enqueue(try transaction())
            do {
                try await queue.enqueue(try transaction())
                Issue.record("enqueued")
            } catch let error as QueueError {
                guard case .unavailable = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test func `a Redis that hangs leaves the outcome unknown, in bounded time`() async throws {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            redis.pause()
            defer { redis.resume() }
            do {
                try await queue.enqueue(try transaction())
                Issue.record("enqueued")
            } catch let error as QueueError {
                #expect(error == .outcomeUnknown(.timedOut))
            }
        }
    }

    @Test func `a closed queue refuses`() async throws {
        try await RedisServer.with { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            queue.close()
            // Every call returns, whether or not the connection has already closed.
            for _ in 0..<1_000 {
                await #expect(throws: QueueError.unavailable(.closed)) {
                    try await queue.enqueue(try transaction())
                }
            }
        }
    }
}
