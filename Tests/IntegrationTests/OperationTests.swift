import CoreAPIRedis
import Foundation
import Testing

/// The operator's view: health, outages, signals, configuration, logs.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OperationTests {
    // MARK: - Health

    @Test func `without Redis, health equals the Python service's answer byte for byte`()
        async throws
    {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            for path in ["/health", "/health/live", "/health/ready", "/health?x=y"] {
                let answer = try server.get(path)
                #expect(answer.status == 200)
                #expect(answer.body == "{\"checks\": {}, \"status\": \"pass\"}")
                #expect(answer.fields["content-type"] == "application/json")
            }
            let asked = try server.get(
                "/health", fields: "Accept: text/html, application/health+json;q=0.9\r\n")
            #expect(asked.fields["content-type"] == "application/health+json")
            #expect(
                try server.get("/health", fields: "Accept: */*\r\n").fields["content-type"]
                    == "application/json")
        }
    }

    private func health(_ answer: Answer) throws -> (status: String, check: [String: Any]) {
        let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
        let checks = try #require(json?["checks"] as? [String: Any])
        let times = try #require(checks["redis:responseTime"] as? [[String: Any]])
        #expect(times.count == 1)
        return (try #require(json?["status"] as? String), try #require(times.first))
    }

    @Test func `with Redis, health tells its response time`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "HEALTH_WORKERS_MIN": "0"]
            try await APIServer.with(environment) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                let (status, check) = try health(try server.get("/health"))
                #expect(status == "pass")
                #expect(check["status"] as? String == "pass")
                #expect(check["componentType"] as? String == "datastore")
                #expect(check["observedUnit"] as? String == "ms")
                #expect((check["observedValue"] as? Double ?? -1) >= 0)
                #expect((check["time"] as? String)?.hasSuffix("Z") == true)
            }
        }
    }

    @Test func `probes are cached: a flood of them does not reach Redis`() async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url, "THREADS": "1"]) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                let client = try RawClient(port: server.port)
                let begin = ContinuousClock.now
                for _ in 0..<500 {
                    try client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try client.readAnswer().status == 200)
                }
                let seconds = Int((ContinuousClock.now - begin).components.seconds)
                let info = try await redis.texts("INFO", "commandstats").joined()
                let line = try #require(
                    info.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_ping:") })
                let calls = try #require(
                    Int(line.dropFirst("cmdstat_ping:calls=".count).prefix { $0 != "," }))
                // One of the harness, and one a second at most, before this loop as well.
                #expect(calls <= seconds + 4)
            }
        }
    }

    @Test func `a user without a right to PING is healthy, and serves`() async throws {
        try await RedisServer.with { redis in
            let (user, rights) = RedisServer.accessRights[0]
            _ = try await redis.command(["ACL", "SETUSER", user, "on", ">pw"] + rights)
            let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
            try await APIServer.with(["REDIS_URL": url]) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    // MARK: - Outages

    @Test(arguments: ["rq:default", "stream:s"])
    func `a Redis that is gone is 503 and a failing health, and heals without a restart`(
        queue: String
    ) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url, "QUEUE": queue]) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                redis.kill()
                try await eventually("health fails") { try server.get("/health").status == 503 }
                // A probe that was under way is given its second first.
                try await eventually("health says why") {
                    try health(server.get("/health")).check["output"] as? String == "not connected"
                }
                #expect(try health(server.get("/health")).status == "fail")
                #expect(try server.get("/health/ready").status == 503)
                #expect(try server.get("/health/live").status == 200)

                let answer = try server.post(APIServer.body())
                #expect(answer.status == 503)
                #expect(answer.fields["retry-after"].flatMap { Int($0) } != nil)
                #expect(answer.body.contains("\"code\":\"queue_unavailable\""))
                #expect(!answer.body.contains("127.0.0.1"))

                try await redis.start()
                try await eventually("health passes") {
                    try server.get("/health/ready").status == 200
                }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    @Test func `a Redis that hangs fails health within its second, and leaves an outcome unknown`()
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url, "THREADS": "1"]) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                redis.pause()
                defer { redis.resume() }
                try await eventually("health fails") { try server.get("/health").status == 503 }
                #expect(
                    try health(try server.get("/health")).check["output"] as? String
                        == "no answer within a second")
                let answer = try server.post(APIServer.body())
                #expect(answer.status == 504)
                #expect(answer.body.contains("\"code\":\"outcome_unknown\""))
                redis.resume()
                try await eventually("health passes") { try server.get("/health").status == 200 }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    @Test func `a server starts without Redis, and serves once Redis runs`() async throws {
        try await RedisServer.with { redis in
            redis.kill()
            try await APIServer.with(["REDIS_URL": redis.url]) { server in
                #expect(try server.get("/health").status == 503)
                try await redis.start()
                try await eventually("health passes") { try server.get("/health").status == 200 }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    // MARK: - Signals

    @Test(arguments: [SIGTERM, SIGINT])
    func `a signal lets requests in flight finish, and ends the rest`(signal: Int32) async throws {
        try await RedisServer.with { redis in
            let environment = [
                "REDIS_URL": redis.url, "QUEUE": "stream:s", "ENQUEUE_TIMEOUT": "30",
                // One loop: it starts the drain of all its connections in the same turn.
                "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                let idle = try RawClient(port: server.port)
                let slow = try RawClient(port: server.port)
                let late = APIServer.post(APIServer.body(amount: 8))
                try slow.send(String(late.prefix(50)))
                try idle.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try idle.readAnswer().status == 200)
                redis.pause()
                let busy = try RawClient(port: server.port)
                try busy.send(APIServer.post(APIServer.body(amount: 7)))
                // Its command is on the way once Redis's socket has it; the signal comes after the
                // server has read the request, which a second answer on the same loop shows.
                try await eventually("the server has read the request") {
                    try server.get("/health/live").status == 200
                }
                server.program.signal(signal)
                #expect(try idle.readSome() == "", "an idle connection is closed")
                redis.resume()
                try slow.send(String(late.dropFirst(50)))
                for client in [busy, slow] {
                    let answer = try client.readAnswer()
                    #expect(answer.status == 200)
                    #expect(answer.fields["connection"] == "close")
                }
                #expect(try await server.program.status() == 0)
                #expect(server.program.errors.contains("\"message\":\"ended\""))
                #expect(try await redis.command("XLEN", "s") == .integer(3))
            }
        }
    }

    // MARK: - Command line and configuration

    private func run(
        _ arguments: [String] = [], _ environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await Program.run(Program.built("core-api"), arguments, environment: environment)
    }

    @Test(
        arguments: [
            ([:], ["JWT_SECRET"]), (["JWT_SECRET": ""], ["JWT_SECRET"]),
            (["JWT_SECRET": "x", "HTTP_PORT": "99999"], ["HTTP_PORT", "99999", "65535"]),
            (["JWT_SECRET": "x", "QUEUE": "kafka"], ["QUEUE", "kafka", "rq:NAME"]),
            (
                ["JWT_SECRET": "x", "REDIS_URL": "localhost"],
                ["REDIS_URL", "localhost", "redis://"]
            ),
            (["JWT_SECRET": "x", "THREADS": "none"], ["THREADS", "none", "1 to 1024"]),
            (["JWT_SECRET": "x", "PARTITIONS": "2"], ["PARTITIONS", "rq:default", "stream:KEY"]),
        ] as [([String: String], [String])])
    func `a bad configuration is one clear line and status 78`(
        environment: [String: String], words: [String]
    ) async throws {
        let result = try await run([], environment)
        #expect(result.status == 78)
        #expect(result.errors.split(separator: "\n").count == 1)
        for word in words { #expect(result.errors.contains(word)) }
        #expect(result.output.isEmpty)
    }

    @Test(arguments: [
        (["JWT_SECRET": " \t"], "white space"),
        (["JWT_SECRET": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw"], "PEM"),
        (["JWT_SECRET": "x", "HTTP_HOST": "http://localhost"], "HTTP_HOST"),
        (["JWT_SECRET": "x", "HTTP_HOST": "127.0.0.1:80"], "HTTP_HOST"),
        (["JWT_SECRET": "x", "HTTP_HOST": "256.0.0.1"], "HTTP_HOST"),
    ])
    func `an error that only the configuration decides is status 78, for the token command too`(
        environment: [String: String], words: String
    ) async throws {
        for arguments in [[], ["token", "--user-id", "7", "--username", "alice"]] {
            if !arguments.isEmpty, environment["HTTP_HOST"] != nil { continue }
            let result = try await run(arguments, environment)
            #expect(result.status == 78)
            #expect(result.errors.contains(words), "\(result.errors)")
            #expect(!result.errors.contains("MCow"))
            #expect(result.output.isEmpty)
        }
    }

    @Test(arguments: [
        ["JWT_SECRET_FILE": "/no/secret"], ["JWT_SECRET_FILE": "/tmp"],
        ["REDIS_URL_FILE": "/no/url"], ["REDIS_URL_FILE": "/tmp"],
        ["REDIS_URL": "rediss://h", "REDIS_TLS_CA_FILE": "/no/ca.pem"],
        ["REDIS_URL": "rediss://h", "REDIS_TLS_CERT_FILE": "/no/c", "REDIS_TLS_KEY_FILE": "/no/k"],
        ["HTTP_HOST": "no-such-host.invalid"], ["HTTP_HOST": "192.0.2.1"],
        ["METRICS_PORT": "0", "METRICS_HOST": "no-such-host.invalid"],
    ])
    func `a file, a name or an address that is not there yet is status 1, and tried again`(
        environment: [String: String]
    ) async throws {
        var all = ["HTTP_PORT": "0"].merging(environment) { $1 }
        if all["JWT_SECRET_FILE"] == nil { all["JWT_SECRET"] = APIServer.secret }
        let result = try await run([], all)
        #expect(result.status == 1, "\(result.errors)")
        let named = environment.contains { result.errors.contains("\($0.key) ") }
        #expect(named, "\(result.errors)")
    }

    @Test func `help, version and a wrong command line`() async throws {
        let help = try await run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("\n  JWT_SECRET "))
        let version = try await run(["--version"])
        #expect(version.status == 0)
        #expect(version.output.hasPrefix("core-api "))
        let wrong = try await run(["--port", "80"])
        #expect(wrong.status == 64)
        #expect(wrong.errors.contains("--port"))
        #expect(wrong.output.isEmpty)
    }

    @Test func `the token command prints a token that the server believes`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let secret = ["JWT_SECRET": APIServer.secret]
            let enabled = try await run(["token", "--user-id", "7", "--username", "alice"], secret)
            #expect(enabled.status == 0)
            let token = enabled.output.split(separator: "\n").joined()
            #expect(try server.post(APIServer.body(token: token)).body.contains("\"user_id\":7"))
            let disabled = try await run(
                ["token", "--user-id", "7", "--username", "a", "--disabled"], secret)
            let refused = try server.post(
                APIServer.body(token: disabled.output.split(separator: "\n").joined()))
            #expect(refused.status == 403)
            #expect(try await run(["token", "--user-id", "7", "--username", "a"]).status == 78)
        }
    }

    @Test func `a port in use is an error, and is not shared`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let result = try await run(
                [],
                ["JWT_SECRET": APIServer.secret, "QUEUE": "memory", "HTTP_PORT": "\(server.port)"])
            #expect(result.status == 1)
            #expect(result.errors.contains("Address already in use"))
            #expect(result.errors.contains("\(server.port)"))
        }
    }

    @Test func `a host that has no address is an error`() async throws {
        let result = try await run(
            [],
            [
                "JWT_SECRET": APIServer.secret, "QUEUE": "memory",
                "HTTP_HOST": "no-such-host.invalid",
            ])
        #expect(result.status == 1)
        #expect(result.errors.contains("HTTP_HOST"))
        #expect(result.errors.contains("no-such-host.invalid"))
    }

    // MARK: - Logs

    @Test func `logs are lines of JSON without a secret in them`() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { redis in
            let url = "redis://:hunter2@127.0.0.1:\(redis.port)"
            try await APIServer.with(["REDIS_URL": url, "LOG_LEVEL": "trace"]) { server in
                let token = APIServer.token()
                #expect(try server.post(APIServer.body(token: token)).status == 200)
                #expect(try server.post(APIServer.body(token: token + "x")).status == 401)
                redis.kill()
                try await eventually("health fails") { try server.get("/health").status == 503 }
                server.program.signal(SIGTERM)
                #expect(try await server.program.status() == 0)
                let log = server.program.errors
                for line in log.split(separator: "\n") {
                    let entry =
                        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect((entry?["level"] as? String)?.isEmpty == false)
                    #expect((entry?["time"] as? String)?.hasSuffix("Z") == true)
                }
                for secret in ["hunter2", APIServer.secret, token] {
                    #expect(!log.contains(secret))
                }
                #expect(log.contains("no connection to Redis"))
            }
        }
    }

    @Test func `a short secret and a queue of memory are warned about`() async throws {
        try await APIServer.with(["QUEUE": "memory", "JWT_SECRET": "short", "LOG_FORMAT": "json"]) {
            server in
            #expect(server.program.errors.contains("JWT_SECRET can be guessed"))
            #expect(server.program.errors.contains("QUEUE is memory"))
            #expect(!server.program.errors.contains("short"))
        }
    }

    @Test(arguments: ["", "?username=", "?db=1&username="])
    func `a password in the user's place is not shown, and the log has the correct form`(
        parameter: String
    ) async throws {
        try await RedisServer.with(["--requirepass", "hunter2@x"]) { redis in
            let host = "127.0.0.1:\(redis.port)"
            let url =
                parameter.isEmpty
                ? "redis://hunter2@x@\(host)" : "redis://\(host)/\(parameter)hunter2%40x"
            try await APIServer.with(["REDIS_URL": url, "LOG_LEVEL": "trace"]) { server in
                #expect(try server.post(APIServer.body()).status == 503)
                let health = try server.get("/health")
                #expect(health.status == 503)
                let log = server.program.errors
                #expect(log.contains("REDIS_URL: the URL has a user name and no password"))
                #expect(log.contains("redis://:PASSWORD@host"))
                #expect(log.contains("redis://\(host)/"))
                for text in [log, health.body] { #expect(!text.contains("hunter2"), "\(text)") }
            }
        }
    }

    @Test func `wrong credentials for Redis are 503 at once, and named in the log`() async throws {
        try await RedisServer.with(["--requirepass", "right"]) { redis in
            try await APIServer.with(["REDIS_URL": "redis://:wrong@127.0.0.1:\(redis.port)"]) {
                server in
                let answer = try server.post(APIServer.body())
                #expect(answer.status == 503)
                #expect(server.program.errors.contains("WRONGPASS"))
                #expect(!server.program.errors.contains(":wrong@"))
            }
        }
    }
}
