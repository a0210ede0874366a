import CoreAPIBase
import CoreAPIRedis
import Foundation
import Testing

/// `/health` reports the queue: its depth, the age of its oldest transaction, its workers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct QueueHealthTests {
    private func with(
        _ queue: String, _ environment: [String: String] = [:],
        _ body: (RedisServer, APIServer) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            let all = ["REDIS_URL": redis.url, "QUEUE": queue, "THREADS": "1"]
            try await APIServer.with(all.merging(environment) { $1 }) { server in
                try await body(redis, server)
            }
        }
    }

    private static func isEmpty(_ health: HealthAnswer) -> Bool {
        health.number("queue:depth") == 0 && health.number("queue:age") == 0
    }

    // MARK: - python-rq

    private func worker(_ version: String, _ redis: RedisServer) throws -> Program {
        try RQWorker.start(version, on: redis, queue: "payments")
    }

    @Test(arguments: RQWorker.versions)
    func `running rq workers are counted, and no worker is a warning`(version: String)
        async throws
    {
        try await with("rq:payments") { redis, server in
            try await HealthAnswer.eventually("nobody is there", server) {
                $0.number("workers:count") == 0
            }
            for _ in 0..<3 { #expect(try server.post(APIServer.body()).status == 200) }
            try await HealthAnswer.eventually("three wait", server) {
                $0.number("queue:depth") == 3 && $0.status == "warn" && $0.httpStatus == 200
                    && $0.output("workers:count") == "no worker takes transactions out of the queue"
            }
            let workers = [try worker(version, redis), try worker(version, redis)]
            try await HealthAnswer.eventually("two workers have done it", server) {
                $0.number("workers:count") == 2 && QueueHealthTests.isEmpty($0)
                    && $0.status == "pass"
            }
            workers[0].signal(SIGTERM)
            try await HealthAnswer.eventually("one is left", server) {
                $0.number("workers:count") == 1 && $0.status == "pass"
            }
            workers[1].signal(SIGINT)
            try await HealthAnswer.eventually("nobody is left", server) {
                $0.number("workers:count") == 0 && $0.status == "warn"
            }
        }
    }

    @Test(arguments: RQWorker.versions)
    func `a worker that was killed counts until it should have been heard of`(version: String)
        async throws
    {
        try await with("rq:payments") { redis, server in
            let worker = try worker(version, redis)
            try await HealthAnswer.eventually("a worker", server) {
                $0.number("workers:count") == 1
            }
            worker.signal(SIGKILL)
            #expect(try await worker.status() == -1)
            #expect(try HealthAnswer(server).number("workers:count") == 1)
            // More than 480 s pass.
            let keys = try await redis.texts("SMEMBERS", "rq:workers:payments")
            let key = try #require(keys.first)
            let then = UnixTime(seconds: UnixTime.now().wholeSeconds - 481).timestamp
            _ = try await redis.command("HSET", key, "last_heartbeat", then)
            try await HealthAnswer.eventually("it is missed", server) {
                $0.number("workers:count") == 0 && $0.status == "warn"
                    && $0.output("workers:count").hasSuffix("registered: 1")
            }
            #expect(try await redis.command("SCARD", "rq:workers:payments") == .integer(1))
        }
    }

    @Test func `the oldest job of rq is the one that workers take next`() async throws {
        let thresholds = ["HEALTH_QUEUE_DEPTH_WARN": "2", "HEALTH_WORKERS_MIN": "0"]
        try await with("rq:q", thresholds) { redis, server in
            var ids: [String] = []
            for _ in 0..<3 {
                let answer = try server.post(APIServer.body())
                ids.append(try #require(answer.fields["transaction-id"]))
            }
            try await HealthAnswer.eventually("three are more than two", server) {
                $0.number("queue:depth") == 3 && $0.status("queue:depth") == "warn"
                    && $0.status("queue:age") == "pass" && $0.status == "warn"
            }
            // It has waited for an hour.
            let then = UnixTime(seconds: UnixTime.now().wholeSeconds - 3_600).timestamp
            _ = try await redis.command("HSET", "rq:job:\(ids[0])", "enqueued_at", then)
            try await HealthAnswer.eventually("an hour is a warning", server) {
                3_600..<4_000 ~= $0.number("queue:age") ?? 0 && $0.status("queue:age") == "warn"
            }
            _ = try await redis.command("LPOP", "rq:queue:q")
            try await HealthAnswer.eventually("the next one is younger", server) {
                $0.number("queue:age") ?? 3_600 < 3_600 && $0.number("queue:depth") == 2
                    && $0.status == "pass"
            }
            _ = try await redis.command("DEL", "rq:job:\(ids[1])")
            try await HealthAnswer.eventually("a job that is gone has no age", server) {
                $0.checks["queue:age"] == nil && $0.number("queue:depth") == 2
            }
        }
    }

    @Test func `of many workers of rq a hundred are looked at`() async throws {
        try await with("rq:q", ["HEALTH_WORKERS_MIN": "100"]) { redis, server in
            let script = """
                for i = 1, 20000 do
                  redis.call('SADD', 'rq:workers:q', 'rq:worker:' .. i)
                  redis.call('HSET', 'rq:worker:' .. i, 'last_heartbeat', ARGV[1])
                end
                """
            let now = UnixTime.now().timestamp
            _ = try await redis.command("EVAL", script, "0", now)
            try await HealthAnswer.eventually("a hundred are enough", server) {
                $0.number("workers:count") == 100 && $0.status == "pass"
            }
            let old = "2021-11-04T11:57:11.123456Z"
            _ = try await redis.command("EVAL", script, "0", old)
            try await HealthAnswer.eventually("none of them lives", server) {
                $0.number("workers:count") == 0
                    && $0.output("workers:count").hasSuffix(
                        "registered: 20000, of which 100 were looked at")
            }
        }
    }

    // MARK: - Streams

    @Test func `a stream's depth is the number of entries that a group has not acknowledged`()
        async throws
    {
        try await with("stream:s") { redis, server in
            try await HealthAnswer.eventually("there is nothing yet", server) {
                QueueHealthTests.isEmpty($0) && $0.number("workers:count") == 0
                    && $0.status == "warn"
            }
            for _ in 0..<3 { #expect(try server.post(APIServer.body()).status == 200) }
            try await HealthAnswer.eventually("without a group, all wait", server) {
                $0.number("queue:depth") == 3
            }
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            let read = { (count: String) in
                try await redis.command(
                    "XREADGROUP", "GROUP", "psp", "c", "COUNT", count, "STREAMS", "s", ">")
            }
            _ = try await read("1")
            try await HealthAnswer.eventually("a consumer, and what it has not done", server) {
                $0.number("queue:depth") == 3 && $0.number("workers:count") == 1
                    && $0.status == "pass"
            }
            _ = try await read("2")
            for entry in try await redis.texts("XPENDING", "s", "psp", "-", "+", "10") {
                guard entry.wholeMatch(of: /[0-9]+-[0-9]+/) != nil else { continue }
                _ = try await redis.command("XACK", "s", "psp", entry)
            }
            try await HealthAnswer.eventually("all is acknowledged", server) {
                QueueHealthTests.isEmpty($0) && $0.status == "pass"
            }
            // A second group has every entry unread, and no consumer.
            _ = try await redis.command("XGROUP", "CREATE", "s", "other", "0")
            try await HealthAnswer.eventually("the group that is worst off counts", server) {
                $0.number("queue:depth") == 3 && $0.number("workers:count") == 0
                    && $0.status == "warn"
            }
        }
    }

    @Test func `a stream's age is that of the oldest entry that is not acknowledged`() async throws
    {
        try await with("stream:s", ["HEALTH_WORKERS_MIN": "0"]) { redis, server in
            let now = UnixTime.now().wholeSeconds
            for age in [3_000, 2_000, 1_000] {
                _ = try await redis.command(
                    "XADD", "s", "\((now - Int64(age)) * 1_000)-0", "a", "b")
            }
            func eventually(_ age: Int, _ what: String) async throws {
                try await HealthAnswer.eventually(what, server) {
                    age..<(age + 900) ~= $0.number("queue:age") ?? -1
                        && $0.status("queue:age") == "warn"
                }
            }
            try await eventually(3_000, "without a group, the first entry")
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "0")
            try await eventually(3_000, "nothing is delivered")
            func read() async throws {
                _ = try await redis.command(
                    "XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">")
            }
            try await read()
            try await eventually(3_000, "the first is pending")
            _ = try await redis.command("XACK", "s", "g", "\((now - 3_000) * 1_000)-0")
            try await eventually(2_000, "the second is not delivered")
            // Redis does not know the lag after this.
            _ = try await redis.command("XDEL", "s", "\((now - 2_000) * 1_000)-0")
            try await eventually(1_000, "the second is gone")
            try await read()
            _ = try await redis.command("XACK", "s", "g", "\((now - 1_000) * 1_000)-0")
            try await HealthAnswer.eventually("nothing is left", server) {
                QueueHealthTests.isEmpty($0)
            }
        }
    }

    @Test func `a consumer that asks for nothing any more does not count`() async throws {
        try await with("stream:s", ["HEALTH_WORKER_SILENCE_SECONDS": "1"]) { redis, server in
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
            for consumer in ["a", "b"] {
                _ = try await redis.command("XGROUP", "CREATECONSUMER", "s", "g", consumer)
            }
            try await HealthAnswer.eventually("both are silent", server) {
                $0.number("workers:count") == 0 && $0.status == "warn"
                    && $0.output("workers:count").hasSuffix("registered: 2")
            }
        }
    }

    @Test
    func
        `beyond the limit of groups or consumers, figures are left out`()
        async throws
    {
        try await with("stream:s") { redis, server in
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
            _ = try await redis.command(
                "EVAL",
                """
                for i = 1, 20000 do
                  redis.call('XGROUP', 'CREATECONSUMER', 's', 'g', 'consumer-' .. i)
                end
                """, "0")
            try await HealthAnswer.eventually("no workers, but a depth", server) {
                $0.checks["workers:count"] == nil && $0.number("queue:depth") == 0
                    && $0.status == "pass"
            }
            _ = try await redis.command(
                "EVAL",
                "for i = 1, 20000 do redis.call('XGROUP', 'CREATE', 's', 'g' .. i, '0') end", "0")
            try await HealthAnswer.eventually("nothing of the queue", server) {
                $0.checks.keys.sorted() == ["redis:durability", "redis:responseTime"]
                    && $0.status == "pass"
            }
            #expect(try server.post(APIServer.body()).status == 200)
            #expect(!server.program.errors.contains("no connection to Redis"))
        }
    }

    // MARK: - Figures that Redis does not report

    @Test(arguments: [("rq:default", 0), ("stream:transactions", 1)])
    func `without permissions, figures are left out; with the documented ones, they are present`(
        queue: String, index: Int
    ) async throws {
        try await RedisServer.with { redis in
            let (user, rights) = RedisServer.accessRights[index]
            _ = try await redis.command(
                ["ACL", "SETUSER", user, "on", ">pw"] + rights.filter { $0 != "+info" })
            let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
            try await APIServer.with(["REDIS_URL": url, "QUEUE": queue]) { server in
                try await HealthAnswer.eventually("health passes", server) { $0.status == "pass" }
                #expect(Array(try HealthAnswer(server).checks.keys) == ["redis:responseTime"])
                #expect(try server.post(APIServer.body()).status == 200)
                let more = RedisServer.healthRights[index]
                _ = try await redis.command(["ACL", "SETUSER", user] + more)
                try await HealthAnswer.eventually("all is told", server) {
                    $0.number("queue:depth") == 1 && $0.number("queue:age") != nil
                        && $0.number("workers:count") == 0 && $0.status == "warn"
                        && $0.checks["redis:durability"] != nil
                }
                guard queue.hasPrefix("stream") else { return }
                _ = try await redis.command("XGROUP", "CREATE", "transactions", "g", "0")
                for pending in ["0", "1"] {
                    try await HealthAnswer.eventually("pending: \(pending)", server) {
                        $0.number("queue:depth") == 1 && $0.number("queue:age") != nil
                            && $0.number("workers:count") == Int(pending)
                    }
                    _ = try await redis.command(
                        "XREADGROUP", "GROUP", "g", "c", "STREAMS", "transactions", ">")
                }
            }
        }
    }

    @Test(arguments: ["rq:q", "stream:s"])
    func `a key of another type fails health, since it refuses every transaction`(queue: String)
        async throws
    {
        try await with(queue, ["HEALTH_WORKERS_MIN": "0"]) { redis, server in
            let key = queue == "rq:q" ? "rq:queue:q" : "s"
            _ = try await redis.command("SET", key, "x")
            try await HealthAnswer.eventually("the type is told of", server) {
                $0.status == "fail" && $0.httpStatus == 503 && $0.number("queue:depth") == nil
                    && $0.output("queue:depth").contains("another type")
            }
            #expect(try server.post(APIServer.body()).status == 503)
        }
    }

    @Test func `a group with a lag of less than nothing leaves its depth out`() async throws {
        try await with("stream:s") { redis, server in
            #expect(try server.post(APIServer.body()).status == 200)
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", "1000")
            try await HealthAnswer.eventually("the age alone", server) {
                $0.number("queue:depth") == nil && $0.number("queue:age") != nil
                    && $0.number("workers:count") == 0 && $0.httpStatus == 200
            }
            _ = try await redis.command("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
            try await HealthAnswer.eventually("a consumer", server) {
                $0.number("queue:depth") == nil && $0.number("workers:count") == 1
            }
            #expect(try server.post(APIServer.body()).status == 200)
        }
    }

    @Test func `an entry with the greatest possible id has no age, and does not affect the server`()
        async throws
    {
        try await with("stream:s") { redis, server in
            let id = "18446744073709551615-18446744073709551615"
            _ = try await redis.command("XADD", "s", id, "a", "b")
            try await HealthAnswer.eventually("without a group", server) {
                $0.number("queue:depth") == 1 && $0.number("queue:age") == 0
            }
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "$")
            try await HealthAnswer.eventually("all is delivered", server) {
                QueueHealthTests.isEmpty($0) && $0.number("workers:count") == 0
            }
        }
    }

    @Test(arguments: ["rq:q", "stream:s"])
    func `health checks never return the queue's contents from Redis`(queue: String)
        async throws
    {
        try await with(queue, ["HEALTH_WORKERS_MIN": "0"]) { redis, server in
            let foreign = String(repeating: "x", count: 1_153_434)
            let put =
                queue == "rq:q"
                ? ["RPUSH", "rq:queue:q", foreign] : ["XADD", "s", "*", "foreign", foreign]
            _ = try await redis.command(put)
            func sent() async throws -> Int {
                let info = try await redis.texts("INFO", "stats").joined()
                let name = "total_net_output_bytes:"
                let line = info.split(separator: "\r\n").first { $0.hasPrefix(name) }
                return try #require(line.flatMap { Int($0.dropFirst(name.count)) })
            }
            let before = try await sent()
            for depth in 1...5 {
                try await HealthAnswer.eventually("the depth is \(depth)", server) {
                    $0.number("queue:depth") == depth
                }
                #expect(try server.post(APIServer.body()).status == 200)
            }
            let bytes = try await sent() - before
            #expect(bytes < foreign.utf8.count)
            #expect(!server.program.errors.contains("no connection to Redis"))
        }
    }

    @Test func `ready asks nothing of the queue but whether it can take a transaction`()
        async throws
    {
        try await with("rq:q") { redis, server in
            try await eventually("ready") {
                try HealthAnswer(server, "/health/ready").status == "pass"
            }
            let health = try HealthAnswer(server, "/health/ready")
            #expect(health.checks.keys.sorted() == ["redis:durability", "redis:responseTime"])
            func calls() async throws -> Bool {
                try await redis.texts("INFO", "commandstats").joined()
                    .contains("cmdstat_srandmember")
            }
            #expect(try await !calls())
            _ = try HealthAnswer(server)
            #expect(try await calls())
        }
    }
}
