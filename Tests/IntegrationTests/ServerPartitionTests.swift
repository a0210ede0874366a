import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The server with a stream of several partitions.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ServerPartitionTests {
    private func environment(_ redis: RedisServer, _ partitions: Int) -> [String: String] {
        [
            "REDIS_URL": redis.url, "QUEUE": "stream:s", "PARTITIONS": "\(partitions)",
            "THREADS": "2",
        ]
    }

    private func post(
        _ server: APIServer, user: Int, key: String? = nil
    ) throws -> Answer {
        try server.post(
            APIServer.body(token: APIServer.token(userID: user)),
            fields: key.map { "Idempotency-Key: \($0)\r\n" } ?? "")
    }

    private func lengths(_ redis: RedisServer, _ partitions: Int) async throws -> [Int] {
        var lengths: [Int] = []
        for partition in 0..<partitions {
            lengths.append(try await ConsumerHarness.length(redis, "{s:\(partition)}"))
        }
        return lengths
    }

    @Test func `transactions are divided by user, and a key is found where its user's are`()
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(environment(redis, 4)) { server in
                var expected = [0, 0, 0, 0]
                let partitions = StreamPartitions(key: "s", count: 4)
                for user in 0..<40 {
                    #expect(try post(server, user: user, key: "k").status == 200)
                    let again = try post(server, user: user, key: "k")
                    #expect(again.status == 200)
                    #expect(again.fields["idempotent-replayed"] == "true")
                    expected[partitions.index(ofUser: user)] += 1
                }
                #expect(try await lengths(redis, 4) == expected)
                #expect(expected.allSatisfy { $0 > 0 })
                try await HealthAnswer.eventually("the partitions are summed up", server) {
                    $0.number("queue:depth") == 40
                }
                #expect(try server.get("/health/ready").status == 200)
                // A key of another type in any partition.
                _ = try await redis.command("DEL", "{s:3}")
                _ = try await redis.command("SET", "{s:3}", "x")
                try await HealthAnswer.eventually("a partition is refused", server) {
                    $0.status("redis:writes") == "fail"
                }
            }
        }
    }

    @Test func `a server with another number of partitions does not start`() async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(environment(redis, 4)) { server in
                let answer = try post(server, user: 1)
                #expect(answer.status == 200)
            }
            for other in [1, 2, 8] {
                var variables = environment(redis, other)
                variables["JWT_SECRET"] = APIServer.secret
                variables["HTTP_PORT"] = "0"
                let program = try Program(Program.built("core-api"), environment: variables)
                #expect(try await program.status() == 1)
                #expect(program.errors.contains("PARTITIONS is \(other), but stream:s has 4 in"))
                #expect(program.errors.contains("core-api:partitions:{s}"))
            }
        }
    }

    @Test func `a server that starts without Redis checks the number before it sends`()
        async throws
    {
        try await RedisServer.with { redis in
            redis.kill()
            try await APIServer.with(environment(redis, 4)) { server in
                #expect(try server.get("/health/ready").status == 503)
                try await redis.start()
                try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
                    $0.httpStatus == 200
                }
                #expect(try await redis.texts("GET", "core-api:partitions:{s}") == ["4"])
                redis.kill()
                try await redis.start()
                _ = try await redis.command("SET", "core-api:partitions:{s}", "2")
                redis.kill()
                try await redis.start()
                try await eventually("it is refused") {
                    try self.post(server, user: 1).status == 503
                }
                #expect(try await lengths(redis, 4) == [0, 0, 0, 0])
                #expect(try server.get("/health/ready").status == 503)
                #expect(server.program.errors.contains("partitionCountDiffers(inRedis: 2)"))
            }
        }
    }

    // MARK: - Another number of partitions

    private func repartition(_ redis: RedisServer, _ count: Int) async throws -> String {
        var cursor = "0"
        while cursor != "done" {
            let program = try Program(
                "redis-cli",
                [
                    "-p", "\(redis.port)", "--eval",
                    Program.root.appending(path: "scripts/repartition.lua").path, "s", ",",
                    "\(count)", cursor,
                ])
            #expect(try await program.status() == 0)
            cursor = program.output.trimmingCharacters(in: .whitespacesAndNewlines)
            if cursor.hasPrefix("ERR") { return cursor }
        }
        return cursor
    }

    @Test(arguments: [(1, 4), (4, 1), (4, 8), (8, 3)])
    func `records move with their users when the number of partitions changes`(
        before: Int, after: Int
    ) async throws {
        try await RedisServer.with { redis in
            let users = 0..<60
            func replays(_ count: Int, _ expected: Bool) async throws {
                try await APIServer.with(environment(redis, count)) { server in
                    for user in users {
                        let answer = try post(server, user: user, key: "a}:{b")
                        #expect(answer.status == 200)
                        let isReplayed = answer.fields["idempotent-replayed"] == "true"
                        #expect(isReplayed == expected)
                    }
                }
            }
            try await replays(before, false)
            let message = try await repartition(redis, after)
            #expect(message.contains("has entries"), "\(message)")
            let consumer = try await TransactionConsumer(
                url: redis.url, key: "s", partitions: before, group: "psp",
                options: ConsumerHarness.options())
            for _ in users { try await consumer.take().ack() }
            consumer.stop()
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
            #expect(try await repartition(redis, after) == "done")
            #expect(try await redis.texts("GET", "core-api:partitions:{s}") == ["\(after)"])
            try await replays(after, true)
        }
    }
}
