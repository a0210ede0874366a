import ChildProcess
import CoreAPIRedis
import Foundation
import Testing

/// The durability of a 200, by `DURABILITY` and Redis's settings.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DurabilityTests {
    /// A master and a replica that has caught up.
    private func withReplica(
        _ kind: RedisServer.Kind = .redis,
        _ body: (_ master: RedisServer, _ replica: RedisServer) async throws -> Void
    ) async throws {
        try await RedisServer.with(kind: kind) { master in
            try await master.withReplica(kind: kind) { try await body(master, $0) }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `with replica, a replica has the transaction before the 200 is sent`(queue: String)
        async throws
    {
        try await withReplica { master, replica in
            let environment = [
                "QUEUE": queue, "REDIS_URL": master.url, "DURABILITY": "replica:1",
            ]
            try await APIServer.with(environment) { server in
                for amount in 1...20 {
                    let answer = try server.post(
                        APIServer.body(amount: amount),
                        fields: "Idempotency-Key: key-\(amount)\r\n")
                    #expect(answer.status == 200)
                    let id = try #require(answer.fields["transaction-id"])
                    let tag = queue == "stream:s" ? "s" : "rq:queue:default"
                    let record = "core-api:idempotency:{\(tag)}:1:key-\(amount)"
                    #expect(try await replica.texts("GET", record) == ["\(id) \(amount) USD"])
                }
            }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `without its replica, the outcome is unknown, also of retries, until the replica is back`(
        kind: RedisServer.Kind
    ) async throws {
        try await withReplica(kind) { master, replica in
            let environment = [
                "QUEUE": "stream:s", "REDIS_URL": master.url, "DURABILITY": "replica:1",
            ]
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                replica.pause()
                defer { replica.resume() }
                let request = APIServer.body(amount: 7)
                let key = "Idempotency-Key: k\r\n"
                for _ in 1...2 {
                    let unknown = try server.post(request, fields: key)
                    #expect(unknown.status == 504)
                    #expect(unknown.body.contains("\"code\":\"outcome_unknown\""))
                }
                replica.resume()
                try await eventually("a retry is answered by the first") {
                    let answer = try server.post(APIServer.body(amount: 7), fields: key)
                    return answer.status == 200
                        && answer.fields["idempotent-replayed"] == "true"
                }
                #expect(try await master.command("XLEN", "s") == .integer(2))
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `with aof, the transaction is on the disk before the 200 is sent`(queue: String)
        async throws
    {
        try await RedisServer.with(["--appendfsync", "always"], kind: .valkey) { redis in
            let environment = ["QUEUE": queue, "REDIS_URL": redis.url, "DURABILITY": "aof"]
            try await APIServer.with(environment) { server in
                let answer = try server.post(
                    APIServer.body(), fields: "Idempotency-Key: \"k\"\r\n")
                #expect(answer.status == 200)
                #expect(try server.post(APIServer.body()).status == 200)
                let calls = try await redis.texts("INFO", "commandstats").joined()
                #expect(calls.contains("cmdstat_waitaof"))
                redis.kill()
                try await redis.start()
                let tag = queue == "stream:s" ? "s" : "rq:queue:default"
                let key = "core-api:idempotency:{\(tag)}:1:k"
                let record = try await redis.texts("GET", key).joined()
                #expect(record == "\(answer.fields["transaction-id"] ?? "none") 100 USD")
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `with aof+replica, the disks of master and replica have it before the 200 is sent`(
        queue: String
    ) async throws {
        try await RedisServer.with(["--appendfsync", "always"], kind: .valkey) { master in
            try await master.withReplica(kind: .valkey) { replica in
                let environment = [
                    "QUEUE": queue, "REDIS_URL": master.url, "DURABILITY": "aof+replica:1",
                    "ENQUEUE_TIMEOUT": "2", "HEALTH_WORKERS_MIN": "0",
                ]
                try await APIServer.with(environment) { server in
                    let key = "Idempotency-Key: k\r\n"
                    #expect(try server.post(APIServer.body(), fields: key).status == 200)
                    let calls = try await master.texts("INFO", "commandstats").joined()
                    #expect(calls.contains("cmdstat_waitaof"))
                    try await eventually("ready") {
                        try server.get("/health/ready").status == 200
                    }
                    // A replica without a file does not count.
                    _ = try await replica.command("CONFIG", "SET", "appendonly", "no")
                    #expect(try server.post(APIServer.body()).status == 504)
                    _ = try await replica.command("CONFIG", "SET", "appendonly", "yes")
                    try await eventually("confirmed again") {
                        try server.post(APIServer.body()).status == 200
                    }
                    replica.kill()
                    #expect(try server.post(APIServer.body()).status == 504)
                    try await HealthAnswer.eventually("not durable", server) {
                        $0.output("redis:durability").contains("needs 1 replica:")
                    }
                }
            }
        }
    }

    @Test func `aof+replica starts without its replica, and not without its own file`() async throws
    {
        try await RedisServer.with(kind: .valkey) { redis in
            let environment = [
                "JWT_SECRET": APIServer.secret, "HTTP_PORT": "0", "REDIS_URL": redis.url,
                "DURABILITY": "aof+replica:1", "LOG_LEVEL": "error",
            ]
            try await APIServer.with(environment.merging(["LOG_LEVEL": "info"]) { $1 }) { server in
                #expect(server.program.errors.contains("DURABILITY cannot be had yet"))
                #expect(server.program.errors.contains("it has 0 replicas"))
            }
            _ = try await redis.command("CONFIG", "SET", "appendonly", "no")
            let result = try await Program.run(
                Program.built("core-api"), [], environment: environment)
            #expect(result.status == 1)
            #expect(result.errors.contains("appendonly is disabled"), "\(result.errors)")
        }
    }

    @Test func `a Redis without WAITAOF that comes later is named as the cause`() async throws {
        try await RedisServer.with { redis in
            let isKnown =
                try await redis.command("COMMAND", "INFO", "WAITAOF") != .array([.null])
            redis.kill()
            let environment = ["QUEUE": "stream:s", "REDIS_URL": redis.url, "DURABILITY": "aof"]
            try await APIServer.with(environment) { server in
                try await redis.start()
                try await HealthAnswer.eventually("Redis is asked", server) {
                    isKnown
                        ? $0.httpStatus == 200
                        : $0.output("redis:writes")
                            == "this Redis has no WAITAOF (it came with 7.2)"
                }
            }
        }
    }

    @Test func `with aof, many callers share a wait, and health does not wait with them`()
        async throws
    {
        try await RedisServer.with(["--appendfsync", "everysec"], kind: .valkey) { redis in
            let environment = [
                "QUEUE": "stream:s", "REDIS_URL": redis.url, "DURABILITY": "aof", "THREADS": "1",
                "ENQUEUE_TIMEOUT": "30",
            ]
            try await APIServer.with(environment) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                // Each on a connection and in a turn of its own: with a wait for each turn, the
                // last of a round would wait for a minute. A slow disk may spoil a round.
                try await eventually("all of a round are confirmed", withinSeconds: 240) {
                    let clients = try (0..<60).map { _ in try RawClient(port: server.port) }
                    for client in clients {
                        try client.send(APIServer.post(APIServer.body()))
                        #expect(try server.get("/health").status == 200)
                    }
                    return try clients.allSatisfy { try $0.readAnswer().status == 200 }
                }
            }
        }
    }

    @Test func `a replica that is not there yet does not stop the server`() async throws {
        try await RedisServer.with { master in
            let environment = [
                "REDIS_URL": master.url, "DURABILITY": "replica:1", "HEALTH_WORKERS_MIN": "0",
            ]
            try await APIServer.with(environment) { server in
                #expect(server.program.errors.contains("DURABILITY cannot be had yet"))
                #expect(server.program.errors.contains("it has 0 replicas"))
                try await master.withReplica { replica in
                    let answer = try server.post(APIServer.body())
                    #expect(answer.status == 200)
                    let length = try await replica.command("LLEN", "rq:queue:default")
                    #expect(length == .integer(1))
                }
            }
        }
    }

    @Test func `aof without an append-only file ends the start, to be tried again`() async throws {
        try await RedisServer.with(["--appendonly", "no"], kind: .valkey) { redis in
            let result = try await Program.run(
                Program.built("core-api"), [],
                environment: [
                    "JWT_SECRET": APIServer.secret, "HTTP_PORT": "0", "REDIS_URL": redis.url,
                    "DURABILITY": "aof", "LOG_LEVEL": "error",
                ])
            #expect(result.status == 1)
            #expect(result.errors.contains("appendonly is disabled"), "\(result.errors)")
        }
    }

    @Test func `a Redis without WAITAOF ends the start in one line, to be tried again`()
        async throws
    {
        try await RedisServer.with { redis in
            // Redis has WAITAOF from 7.2 on.
            let version = try await redis.texts("INFO", "server").joined()
            guard version.contains("redis_version:7.0") || version.contains("redis_version:6")
            else { return }
            let result = try await Program.run(
                Program.built("core-api"), [],
                environment: [
                    "JWT_SECRET": APIServer.secret, "HTTP_PORT": "0", "REDIS_URL": redis.url,
                    "DURABILITY": "aof", "LOG_LEVEL": "error",
                ])
            #expect(result.status == 1)
            #expect(result.errors.contains("DURABILITY"))
            #expect(result.errors.contains("WAITAOF"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `a Redis that is away at start does not stop the server`() async throws {
        let port = try FreePort.next()
        try await APIServer.with(
            ["REDIS_URL": "redis://127.0.0.1:\(port)", "DURABILITY": "replica:1"]
        ) { server in
            let health = try server.get("/health")
            #expect(health.status == 503)
            #expect(server.program.errors.contains("DURABILITY is not checked"))
        }
    }

    @Test func `health warns of a Redis that keeps nothing, and serves`() async throws {
        try await RedisServer.with(["--appendonly", "no"]) { redis in
            let environment = ["REDIS_URL": redis.url, "HEALTH_WORKERS_MIN": "0"]
            try await APIServer.with(environment) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                let answer = try server.get("/health")
                let json =
                    try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
                    as? [String: Any]
                #expect(json?["status"] as? String == "warn")
                let checks = json?["checks"] as? [String: [[String: Any]]]
                let check = checks?["redis:durability"]?.first
                #expect(check?["status"] as? String == "warn")
                #expect(check?["observedValue"] as? String == "memory")
                #expect((check?["output"] as? String)?.contains("may be lost") == true)
                #expect(try server.get("/health/ready").status == 200)
                _ = try await redis.command("CONFIG", "SET", "appendonly", "yes")
                try await eventually("health passes without a warning") {
                    try server.get("/health").body.hasSuffix("\"status\": \"pass\"}")
                }
                #expect(try server.get("/health").body.contains("append-only file"))
            }
        }
    }
}
