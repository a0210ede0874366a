import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// `RATE_LIMIT`, as a merchant meets it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RateLimitServerTests {
    private static let queues = ["memory", "rq:default", "stream:s"]

    private func post(
        _ server: APIServer, amount: Int = 100, user: Int = 1, key: String? = nil
    ) throws -> Answer {
        let field = key.map { "Idempotency-Key: \($0)\r\n" } ?? ""
        return try server.post(
            APIServer.body(amount: amount, token: APIServer.token(userID: user)), fields: field)
    }

    /// The parameters of the only item of a field, by a parser that is not ours.
    private func parameters(_ value: String) async throws -> [String: Int] {
        let python = Program.root.appending(path: ".run/structured-fields/bin/python").path
        let script = """
            import json, sys, http_sf
            [(name, parameters)] = http_sf.parse(sys.argv[1].encode(), tltype="list")
            assert name == "user" and type(name) is str, name
            print(json.dumps(parameters))
            """
        let result = try await Program.run(python, ["-c", script, value])
        #expect(result.status == 0, "\(value): \(result.errors)")
        return try JSONDecoder().decode([String: Int].self, from: Data(result.output.utf8))
    }

    @Test(arguments: queues)
    func `answers tell the limit, and beyond it there is 429 with the time to wait`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            let environment = [
                "QUEUE": queue, "REDIS_URL": redis.url, "RATE_LIMIT": "3/86400", "THREADS": "2",
            ]
            try await APIServer.with(environment) { server in
                for left in [2, 1, 0] {
                    let answer = try post(server, key: "\(left)")
                    #expect(answer.status == 200)
                    let policy = try #require(answer.fields["ratelimit-policy"])
                    #expect(try await parameters(policy) == ["q": 3, "w": 86_400])
                    let limit = try await parameters(try #require(answer.fields["ratelimit"]))
                    #expect(limit["r"] == left)
                    #expect((1...28_800).contains(try #require(limit["t"])))
                    #expect(Set(limit.keys) == ["r", "t"])
                }
                let refused = try post(server)
                #expect(refused.status == 429)
                #expect(refused.fields["content-type"] == "application/problem+json")
                #expect(refused.body.contains("\"code\":\"rate_limited\""))
                #expect(refused.fields["ratelimit-policy"] == "\"user\";q=3;w=86400")
                let limit = try await parameters(try #require(refused.fields["ratelimit"]))
                let pause = try #require(refused.fields["retry-after"].flatMap { Int($0) })
                #expect(limit["r"] == 0 && limit["t"] == pause)
                // A slow machine has some of it behind it.
                #expect((20_000...28_800).contains(pause))
                // What costs nothing is answered.
                let again = try post(server, key: "2")
                #expect(again.status == 200 && again.fields["idempotent-replayed"] == "true")
                #expect(again.fields["ratelimit"]?.hasPrefix("\"user\";r=0;") == true)
                let reused = try post(server, amount: 7, key: "2")
                #expect(reused.status == 422)
                #expect(reused.fields["ratelimit"]?.hasPrefix("\"user\";r=0;") == true)
                let wrong = try post(server, amount: 0)
                #expect(wrong.status == 422)
                #expect(wrong.fields["ratelimit-policy"] == "\"user\";q=3;w=86400")
                #expect(wrong.fields["ratelimit"] == nil)
                let key = try post(server, key: "\"\"")
                #expect(key.status == 400 && key.fields["ratelimit-policy"] != nil)
                let forged = try server.post(APIServer.body(token: "a.b.c"))
                #expect(forged.status == 401 && forged.fields["ratelimit-policy"] == nil)
                #expect(try post(server, user: 2).status == 200)
                #expect(try server.get("/health/ready").status == 200)
            }
        }
    }

    @Test(arguments: queues)
    func `without RATE_LIMIT no answer tells one, and nothing is kept`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                for _ in 0..<3 {
                    let answer = try post(server)
                    #expect(answer.status == 200)
                    #expect(answer.fields["ratelimit-policy"] == nil)
                    #expect(answer.fields["ratelimit"] == nil)
                }
                #expect(try await redis.texts("KEYS", "core-api:limit:*").isEmpty)
            }
        }
    }

    @Test(arguments: [("rq:default", "1"), ("stream:s", "1"), ("stream:s", "4")])
    func `two servers accept exactly as many as one`(queue: String, partitions: String)
        async throws
    {
        try await RedisServer.with { redis in
            let environment = [
                "QUEUE": queue, "REDIS_URL": redis.url, "RATE_LIMIT": "40/3600",
                "PARTITIONS": partitions, "STATUS_SECONDS": "600",
            ]
            try await APIServer.with(environment) { one in
                try await APIServer.with(environment) { two in
                    let clients = try (0..<20).map { number in
                        try RawClient(port: (number.isMultiple(of: 2) ? one : two).port)
                    }
                    var statuses: [Int] = []
                    for _ in 0..<5 {
                        for client in clients { try client.send(APIServer.post(APIServer.body())) }
                        for client in clients { statuses.append(try client.readAnswer().status) }
                    }
                    #expect(statuses.count { $0 == 200 } == 40)
                    #expect(statuses.count { $0 == 429 } == 60)
                    let accepted = try await redis.texts("KEYS", "core-api:limit:*")
                    #expect(accepted.count == 1)
                }
            }
        }
    }

    @Test func `refusals by the limit are counted by their code and reason`() async throws {
        try await RedisServer.with { redis in
            let environment = [
                "QUEUE": "stream:s", "REDIS_URL": redis.url, "RATE_LIMIT": "1/3600",
                "THREADS": "1", "METRICS_PORT": "0",
            ]
            try await APIServer.with(environment) { server in
                #expect(try post(server).status == 200)
                for _ in 0..<4 { #expect(try post(server).status == 429) }
                let scrape = try Scrape(port: try await server.metricsPort())
                #expect(scrape["core_api_refusals_total{code=\"rate_limited\"}"] == 4)
                let failures = scrape.values.filter {
                    $0.key.hasPrefix("core_api_queue_enqueue_failures_total")
                        && $0.key.contains("reason=\"rate_limited\"")
                }
                #expect(failures.values.reduce(0, +) == 4)
            }
        }
    }

    @Test(arguments: [("rq:default", 0), ("stream:transactions", 1)])
    func `the limit needs the rights that docs say, and readiness misses each of them`(
        queue: String, index: Int
    ) async throws {
        let (user, rights) = RedisServer.accessRights[index]
        let more = RedisServer.limitRights[index]
        try await RedisServer.with { redis in
            _ = try await redis.command(["ACL", "SETUSER", user, "on", ">pw"] + rights + more)
            let environment = [
                "REDIS_URL": "redis://\(user):pw@127.0.0.1:\(redis.port)", "QUEUE": queue,
                "RATE_LIMIT": "1/3600", "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                #expect(try post(server).status == 200)
                #expect(try post(server).status == 429)
                for right in more where right != "+lrange" {
                    _ = try await redis.command("ACL", "SETUSER", user, "-\(right.dropFirst())")
                    try await HealthAnswer.eventually("not ready", server, path: "/health/ready") {
                        $0.httpStatus == 503
                            && $0.output("redis:writes").contains("run \(right.dropFirst())")
                    }
                    _ = try await redis.command("ACL", "SETUSER", user, right)
                    try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
                        $0.httpStatus == 200
                    }
                }
            }
        }
    }
}
