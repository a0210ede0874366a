import CoreAPIRedis
import Foundation
import Testing

/// Operators' commands and the console while something is wrong: a node of a cluster is away, a
/// change fails in its midst, `PARTITIONS` or the login is wrong.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OperatorFailureTests {
    private func run(
        _ arguments: [String], _ url: String, _ environment: [String: String]
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(
            Program.built("core-api"), arguments,
            environment: ["REDIS_URL": url].merging(environment) { $1 })
    }

    private func members(_ text: String) throws -> [String: Any] {
        let found = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(found as? [String: Any])
    }

    /// The answer of the console of a server.
    private func withConsole(
        _ environment: [String: String],
        _ body: ((_ request: String, _ form: String) throws -> Answer) async throws -> Void
    ) async throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "core-api-\(UUID().uuidString)")
        try Data("password of a test".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let login = Data("operator:password of a test".utf8).base64EncodedString()
        let all = ["METRICS_PORT": "0", "CONSOLE_PASSWORD_FILE": file.path]
        try await APIServer.with(all.merging(environment) { $1 }) { server in
            let port = try await server.metricsPort()
            try await body { request, form in
                let client = try RawClient(port: port)
                try client.send(
                    "\(request) HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\n"
                        + "Authorization: Basic \(login)\r\n"
                        + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)")
                return try client.readAnswer()
            }
        }
    }

    // MARK: - A node of a cluster

    @Test func `a node that is away holds up the dead letters of its own partitions alone`()
        async throws
    {
        var options = ClusterGroup.Options()
        options.replicas = 0
        try await ClusterGroup.with(options) { group in
            let stream = ["QUEUE": "stream:s", "PARTITIONS": "8"]
            var lost: [Int] = []
            let down = try await group.master(of: "{s:0}")
            for partition in 0..<8 {
                let node = try await group.master(of: "{s:\(partition)}")
                if node.id == down.id { lost.append(partition) }
                for number in 0..<3 {
                    try await group.command(
                        "XADD", "{s:\(partition)}:dead", "*", "id", "t\(partition)-\(number)",
                        "dead_reason", "no", at: node)
                }
            }
            let alive = 8 - lost.count
            let transaction = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
            let kept = try #require((0..<8).first { !lost.contains($0) })
            try await group.command(
                "SET", "core-api:status:{s:\(kept)}:\(transaction)",
                "queued 1636027032250 1 1-1 1 1 EUR 2021-11-04T11:57:11.123456Z",
                at: try await group.master(of: "{s:\(kept)}"))
            try await withConsole(["REDIS_URL": group.url].merging(stream) { $1 }) { ask in
                down.server.kill()
                let names = lost.map { "\($0)" }.joined(separator: ", ")
                let line = "partitions that were not reached: \(names)\n"
                let list = try await run(["dead", "list", "--all"], group.url, stream)
                #expect(list.status == 69 && list.errors.contains(line), "\(list)")
                #expect(list.output.split(separator: "\n").count == alive * 3)
                let reasons = try await run(["dead", "list", "--json"], group.url, stream)
                let found = try members(reasons.output)
                #expect(reasons.status == 69 && reasons.errors.contains(line), "\(reasons)")
                #expect(found["count"] as? Int == alive * 3)
                #expect(found["unreached"] as? [Int] == lost)
                let status = try await run(["status", "--json"], group.url, stream)
                let state = try members(status.output)
                #expect(status.status == 69 && status.errors.contains(line), "\(status)")
                #expect(state["dead_letters"] as? Int == alive * 3)
                #expect(state["dead_letters_unreached"] as? [Int] == lost)
                let one = try await run(["transaction", transaction], group.url, stream)
                #expect(one.status == 0, "\(one)")

                let page = try members(try ask("GET /console/dead", "").body)
                #expect((page["letters"] as? [Any])?.count == alive * 3)
                #expect(page["unreached"] as? [Int] == lost)
                let counted = try members(try ask("GET /console/reasons", "").body)
                #expect(counted["count"] as? Int == alive * 3)
                let removed = try ask("POST /console/remove", "reason=other")
                #expect(removed.status == 200)
                #expect(try members(removed.body)["unreached"] as? [Int] == lost)

                let requeued = try await run(["dead", "requeue", "--all"], group.url, stream)
                #expect(requeued.output == "requeued: \(alive * 3)\n", "\(requeued)")
                #expect(requeued.status == 69 && requeued.errors.contains(line))
                // With all nodes away it is a failure, as with one server.
                for node in group.nodes { node.server.kill() }
                let none = try await run(["dead", "list"], group.url, stream)
                #expect(none.status == 69 && none.output.isEmpty, "\(none)")
            }
        }
    }

    // MARK: - A change that fails

    @Test func `a change that fails in its midst says how many were changed before`() async throws {
        try await RedisServer.with { redis in
            func fill(_ key: String) async throws {
                for number in 0..<80 {
                    // A script of Redis cannot pass so many words on.
                    let many = number == 60 ? (0..<5_000).flatMap { ["f\($0)", "v"] } : []
                    _ = try await redis.command(
                        ["XADD", "\(key):dead", "1-\(number + 1)", "id", "\(number)"] + many
                            + ["dead_reason", "no"])
                }
            }
            for key in ["text", "json", "console"] { try await fill(key) }
            let all = ["dead", "requeue", "--all"]
            let text = try await run(all, redis.url, ["QUEUE": "stream:text"])
            #expect(text.status == 69 && text.output == "requeued: 50\n", "\(text)")
            #expect(
                text.errors.contains("; requeued before that: 50, and up to 25 more"), "\(text)")
            #expect(try await redis.command("XLEN", "text") == .integer(60))
            let json = try await run(all + ["--json"], redis.url, ["QUEUE": "stream:json"])
            let found = try members(json.output)
            #expect(json.status == 69 && found["count"] as? Int == 50, "\(json)")
            #expect(found["error"] as? String != nil)
            try await withConsole(["REDIS_URL": redis.url, "QUEUE": "stream:console"]) { ask in
                let answer = try ask("POST /console/requeue", "all=1")
                let found = try members(answer.body)
                #expect(answer.status == 503 && found["count"] as? Int == 50, "\(answer.body)")
                #expect((found["error"] as? String)?.hasPrefix("Redis does not answer") == true)
            }
        }
    }

    // MARK: - Wrong settings

    @Test func `another number of partitions than Redis has is refused`() async throws {
        try await RedisServer.with { redis in
            _ = try await redis.command("SET", "core-api:partitions:{s}", "4")
            _ = try await redis.command("XADD", "old", "*", "id", "1")
            for (partitions, queue, count) in [(nil, "s", 4), ("2", "s", 4), ("2", "old", 1)] {
                for words in [
                    ["status"], ["status", "--json"], ["transaction", UUID().uuidString],
                    ["dead", "list"], ["dead", "show", "1-1"], ["dead", "remove", "--all"],
                ] {
                    let environment = [
                        "QUEUE": "stream:\(queue)", "PARTITIONS": partitions ?? "1",
                    ]
                    let result = try await run(words, redis.url, environment)
                    let line =
                        "PARTITIONS is \(partitions ?? "1"), but stream:\(queue) has \(count) in"
                    #expect(result.status == 1 && result.output.isEmpty, "\(result)")
                    #expect(result.errors.hasPrefix("core-api: \(line)"), "\(result)")
                }
            }
            for (queue, partitions) in [("s", "4"), ("new", "7")] {
                let result = try await run(
                    ["dead", "list"], redis.url,
                    ["QUEUE": "stream:\(queue)", "PARTITIONS": partitions])
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
            }
            // Nothing is claimed.
            #expect(try await redis.command("EXISTS", "core-api:partitions:{new}") == .integer(0))
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `the reason of a refused login is told`(queue: String) async throws {
        try await RedisServer.with(["--requirepass", "right-password"]) { redis in
            let url = "redis://:wrong-password@127.0.0.1:\(redis.port)"
            for words in [
                ["status"], ["status", "--json"], ["dead", "list"], ["dead", "show", "1-1"],
            ] {
                let result = try await run(words, url, ["QUEUE": queue])
                #expect(result.status == 69, "\(result)")
                #expect(result.errors.contains("answer, or refuses: WRONGPASS"), "\(result)")
                let all = result.output + result.errors
                #expect(!all.contains("wrong-password") && !all.contains("log line"), "\(all)")
                #expect(words[0] == "dead" || result.output.contains("WRONGPASS"))
            }
        }
    }

    @Test func `a sentinel's URL that names a Redis is told apart from a sentinel's login`()
        async throws
    {
        try await RedisServer.with { redis in
            let url = "redis-sentinel://127.0.0.1:\(redis.port)/?master=m"
            let result = try await run(["dead", "list"], url, [:])
            #expect(result.status == 69 && result.errors.contains("unknown command"), "\(result)")
            #expect(result.errors.contains("the URL names a Redis, and no sentinel"))
            #expect(!result.errors.contains("sentinel_username"))
        }
    }
}
