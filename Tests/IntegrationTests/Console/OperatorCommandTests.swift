import CoreAPIRedis
import Foundation
import Testing

/// `core-api status`, `transaction` and `dead`, with the server's environment.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OperatorCommandTests {
    private func run(
        _ arguments: [String], _ redis: RedisServer, _ environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(
            Program.built("core-api"), arguments,
            environment: ["REDIS_URL": redis.url].merging(environment) { $1 })
    }

    @Test func `status says what health says`() async throws {
        try await RedisServer.with { redis in
            let text = try await run(["status"], redis)
            #expect(text.status == 0, "\(text.errors)")
            #expect(text.output.hasPrefix("warn: rq:default\n"), "\(text.output)")
            #expect(text.output.contains("no worker takes transactions out of the queue"))
            #expect(text.output.contains("Start the connector"))
            #expect(text.output.contains("dead letters        0"))
            #expect(text.output.contains("redis address       redis://"))
            let names = text.output.split(separator: "\n").map { $0.prefix(20) }
            #expect(names.filter { $0.hasPrefix("redis ") }.count == 2)
            #expect(names.filter { $0.hasPrefix("redis  ") }.count == 1)
            let json = try await run(["status", "--json"], redis)
            let found = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
            let members = try #require(found as? [String: Any])
            #expect(members["status"] as? String == "warn")
            #expect(members["depth"] as? Int == 0 && members["dead_letters"] as? Int == 0)
            let checks = try #require(members["checks"] as? [String: Any])
            #expect(checks["workers:count"] != nil && checks["redis:responseTime"] != nil)
        }
    }

    @Test func `one is in the singular, and dead letters are a warning`() async throws {
        try await RedisServer.with { redis in
            _ = try await redis.command("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
            _ = try await redis.command("XADD", "s", "*", "id", "1")
            _ = try await redis.command("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
            _ = try await redis.command("XADD", "s:dead", "*", "id", "1", "dead_reason", "no")
            let text = try await run(["status"], redis, ["QUEUE": "stream:s"])
            #expect(text.status == 0 && text.output.hasPrefix("warn: stream:s\n"), "\(text)")
            #expect(text.output.contains("workers             1 worker\n"), "\(text.output)")
            #expect(text.output.contains("queue               1 transaction\n"), "\(text.output)")
            #expect(text.output.contains("dead letters        1 transaction  [warn]\n"))
            #expect(text.output.contains("a transaction has failed, and is not tried again"))
            #expect(text.output.contains("core-api dead list"))
            // It is no matter of /health, which callers' load balancers read.
            try await APIServer.with(["REDIS_URL": redis.url, "QUEUE": "stream:s"]) { server in
                let health = try server.get("/health")
                #expect(health.status == 200 && !health.body.contains("queue:dead"))
            }
        }
    }

    @Test func `output that cannot be written is an error, and a reader that has gone is none`()
        async throws
    {
        try await RedisServer.with { redis in
            for number in 0..<600 {
                _ = try await redis.command(
                    "XADD", "s:dead", "1-\(number + 1)", "id", "t\(number)", "dead_reason",
                    String(repeating: "long ", count: 40))
            }
            func shell(_ text: String) async throws -> (Int32, String, String) {
                let result = try await Program.run(
                    "/bin/bash", ["-c", text, Program.built("core-api")],
                    environment: [
                        "REDIS_URL": redis.url, "QUEUE": "stream:s", "JWT_SECRET": APIServer.secret,
                    ])
                return (result.status, result.output, result.errors)
            }
            for words in [
                "--help", "--version", "status", "status --json", "dead list", "dead list --json",
                "dead list --all", "dead list --reason no", "dead show 1-1", "dead show 1-1 --json",
                "dead remove 1-1", "dead requeue 1-2 --json",
                "token --user-id 1 --username a --ttl-seconds 9",
            ] {
                let isEmpty = words.hasSuffix("--reason no")
                let (status, _, errors) = try await shell("\"$0\" \(words) > /dev/full")
                #expect(status == (isEmpty ? 0 : 74), "\(words): \(errors)")
                #expect(errors.contains("the output cannot be written: ") == !isEmpty)
            }
            #expect(try await shell("\"$0\" --version >&-").0 == 74)
            for (trap, expected) in [("", "141"), ("trap '' PIPE; ", "74")] {
                let (_, output, errors) = try await shell(
                    "\(trap)\"$0\" dead list --all | head -n 1 > /dev/null; "
                        + "echo ${PIPESTATUS[0]}")
                #expect(output == "\(expected)\n" && errors.isEmpty, "\(output) \(errors)")
            }
        }
    }

    @Test func `a Redis that is away is one clear line, within seconds`() async throws {
        try await RedisServer.with { redis in
            redis.kill()
            for arguments in [
                ["status"], ["status", "--json"], ["dead", "list"], ["dead", "show", "x"],
                ["dead", "requeue", "--all"],
            ] {
                let result = try await run(arguments, redis)
                #expect(result.status == 69, "\(arguments): \(result)")
                #expect(result.errors.contains("Redis at redis://"), "\(result.errors)")
            }
        }
    }

    @Test(arguments: [
        ["dead"], ["dead", "lists"], ["dead", "requeue"], ["dead", "requeue", "1", "--all"],
        ["dead", "remove", "--reason"], ["dead", "show"], ["status", "now"], ["status", "--all"],
        ["dead", "list", "--nothing"], ["dead", "requeue", "--all", "--reason", "x"],
        ["dead", "show", "1", "2"],
    ])
    func `a wrong command line is named, with the usage`(arguments: [String]) async throws {
        let result = try await Program.run(Program.built("core-api"), arguments)
        #expect(result.status == 64)
        #expect(result.errors.contains("usage:"))
    }

    @Test func `a queue in memory cannot be asked`() async throws {
        let result = try await Program.run(
            Program.built("core-api"), ["status"], environment: ["QUEUE": "memory"])
        #expect(result.status == 78 && result.errors.contains("QUEUE is \"memory\""))
    }

    @Test func `dead letters are listed, shown, put back and removed`() async throws {
        try await RedisServer.with { redis in
            for number in 0..<250 {
                _ = try await redis.command(
                    "XADD", "s:dead", "1-\(number + 1)", "id", "t\(number)", "amount", "100",
                    "currency", "EUR", "user_id", "7", "dead_reason",
                    number % 2 == 0 ? "even" : "odd\u{1B}[31m", "dead_attempts", "3")
            }
            let stream = ["QUEUE": "stream:s"]
            let reasons = try await run(["dead", "list"], redis, stream)
            #expect(reasons.output.hasPrefix("250 dead letters\n"), "\(reasons)")
            #expect(reasons.output.contains("even") && !reasons.output.contains("\u{1B}"))
            let all = try await run(["dead", "list", "--all"], redis, stream)
            #expect(all.output.split(separator: "\n").count == 250)
            let odd = try await run(
                ["dead", "list", "--reason", "even", "--json"], redis, stream)
            #expect(odd.output.split(separator: "\n").count == 125)
            #expect(odd.errors == "core-api: 125 of 250 dead letters have this reason\n")
            let one = try await run(["dead", "show", "1-1"], redis, stream)
            #expect(one.output.contains("transaction         t0"), "\(one)")
            #expect(one.output.contains("attempts            3"))
            #expect(try await run(["dead", "show", "9-9"], redis, stream).status == 1)
            let requeued = try await run(["dead", "requeue", "1-1"], redis, stream)
            #expect(requeued.output == "requeued: 1\n")
            #expect(try await run(["dead", "requeue", "1-1"], redis, stream).status == 1)
            let even = try await run(
                ["dead", "requeue", "--reason", "even", "--json"], redis, stream)
            #expect(even.output == "{\"count\":124,\"unreached\":[]}\n")
            #expect(try await redis.command("XLEN", "s") == .integer(125))
            for number in 3..<250 where number % 2 == 1 {
                _ = try await redis.command("XDEL", "s:dead", "1-\(number + 1)")
            }
            #expect(
                try await run(["dead", "list"], redis, stream).output.hasPrefix("1 dead letter\n"))
            let last = try await run(["dead", "list", "--reason", "x"], redis, stream)
            #expect(last.errors == "core-api: 0 of 1 dead letter have this reason\n")
            let removed = try await run(["dead", "remove", "--all"], redis, stream)
            #expect(removed.output == "removed: 1\n")
            #expect(try await redis.command("XLEN", "s:dead") == .integer(0))
        }
    }
}
