import Foundation
import Testing

/// `/health/ready` fails while the next transaction would very probably be refused, says why, and
/// passes once the cause is mended, without a transaction in between.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ReadinessTests {
    private func environment(
        _ redis: RedisServer, _ queue: String = "rq:default", _ more: [String: String] = [:]
    ) -> [String: String] {
        [
            "REDIS_URL": redis.url, "QUEUE": queue, "THREADS": "1", "HEALTH_WORKERS_MIN": "0",
        ].merging(more) { $1 }
    }

    private func eventuallyReady(_ server: APIServer) async throws {
        try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
            $0.httpStatus == 200
        }
    }

    /// Both say so, and `/health` says why.
    private func eventuallyRefuses(
        _ server: APIServer, _ check: String, _ reason: String
    ) async throws {
        for path in ["/health/ready", "/health"] {
            try await HealthAnswer.eventually("\(path): \(reason)", server, path: path) {
                $0.httpStatus == 503 && $0.status == "fail" && $0.status(check) == "fail"
                    && $0.output(check).contains(reason)
            }
        }
        #expect(try server.get("/health/live").status == 200)
    }

    private func writes(_ redis: RedisServer) async throws -> String {
        let info = try await redis.texts("INFO", "persistence").joined()
        return String(
            try #require(
                info.split(separator: "\r\n").first {
                    $0.hasPrefix("rdb_changes_since_last_save:")
                }))
    }

    @Test func `a replica is not ready until its promotion`() async throws {
        try await RedisServer.with { master in
            try await master.withReplica { replica in
                try await APIServer.with(environment(replica)) { server in
                    try await eventuallyRefuses(server, "redis:writes", "replica")
                    _ = try await replica.command("REPLICAOF", "NO", "ONE")
                    try await eventuallyReady(server)
                    #expect(try server.post(APIServer.body()).status == 200)
                }
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"], [true, false])
    func `foreign content of one transaction's record is refused, and the server stays ready`(
        queue: String, isText: Bool
    ) async throws {
        try await RedisServer.with { redis in
            let tag = queue == "stream:s" ? "s" : "rq:queue:default"
            let record = "core-api:idempotency:{\(tag)}:1:k"
            _ = try await redis.command(isText ? "SET" : "RPUSH", record, "another program's")
            try await APIServer.with(environment(redis, queue)) { server in
                try await eventuallyReady(server)
                let keyed = "Idempotency-Key: k\r\n"
                #expect(try server.post(APIServer.body(), fields: keyed).status == 503)
                #expect(try server.get("/health/ready").status == 200)
                #expect(try server.get("/health").body.contains("refused") == false)
                #expect(try server.post(APIServer.body()).status == 200)
                let words = isText ? "foreign content" : "WRONGTYPE"
                try await eventually("it is logged") { server.program.errors.contains(words) }
            }
        }
    }

    @Test func `a node of a cluster is not ready`() async throws {
        try await RedisServer.with(["--cluster-enabled", "yes"]) { redis in
            for queue in ["rq:default", "stream:s"] {
                try await APIServer.with(environment(redis, queue)) { server in
                    try await eventuallyRefuses(server, "redis:writes", "cluster")
                }
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `a Redis at maxmemory is not ready until it has room`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(environment(redis, queue)) { server in
                try await eventuallyReady(server)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                try await eventuallyRefuses(server, "redis:writes", "maxmemory")
                #expect(try server.post(APIServer.body()).status == 503)
                try await eventuallyRefuses(server, "redis:writes", "maxmemory")
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                try await eventuallyReady(server)
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }

    @Test(arguments: [
        ("rq:default", "rq:queue:default"), ("rq:default", "rq:queues"), ("stream:s", "s"),
    ])
    func `a server is not ready while a key has another type`(queue: String, key: String)
        async throws
    {
        try await RedisServer.with { redis in
            _ = try await redis.command("SET", key, "x")
            try await APIServer.with(environment(redis, queue)) { server in
                try await eventuallyRefuses(server, "redis:writes", "another type")
                _ = try await redis.command("DEL", key)
                try await eventuallyReady(server)
            }
        }
    }

    @Test(arguments: [0, 1])
    func `a right that a transaction needs is missed before there is one`(index: Int) async throws {
        let (user, rights) = RedisServer.accessRights[index]
        let queue = ["rq:default", "stream:transactions"][index]
        for right in rights
        where right.hasPrefix("+") && right != "+script|load"
            && !RefusalTests.spareRights.contains(right)
        {
            try await RedisServer.with { redis in
                let given = rights.filter { $0 != right }
                _ = try await redis.command(
                    ["ACL", "SETUSER", user, "reset", "on", ">pw"] + given)
                let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
                let variables = environment(redis, queue, ["REDIS_URL": url])
                try await APIServer.with(variables) { server in
                    let check = right == "+evalsha" ? "redis:responseTime" : "redis:writes"
                    try await eventuallyRefuses(server, check, "run \(right.dropFirst())")
                    _ = try await redis.command("ACL", "SETUSER", user, right)
                    try await eventuallyReady(server)
                    #expect(try server.post(APIServer.body()).status == 200)
                }
            }
        }
    }

    @Test func `a refusal that a probe cannot see counts for 5 seconds`()
        async throws
    {
        try await RedisServer.with { redis in
            let (user, rights) = RedisServer.accessRights[0]
            // Without INFO the probe does not see the memory.
            _ = try await redis.command(
                ["ACL", "SETUSER", user, "on", ">pw"] + rights.filter { $0 != "+info" })
            let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
            // On whichever loop the transaction was, and the question is.
            let variables = environment(
                redis, "rq:default", ["REDIS_URL": url, "THREADS": "3"])
            try await APIServer.with(variables) { server in
                try await eventuallyReady(server)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                #expect(try server.post(APIServer.body()).status == 503)
                for _ in 0..<6 {
                    let answer = try HealthAnswer(server, "/health/ready")
                    #expect(answer.httpStatus == 503)
                    #expect(
                        answer.output("redis:writes") == "the last transaction was refused: OOM")
                }
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                try await eventuallyReady(server)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                #expect(try server.post(APIServer.body()).status == 503)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                #expect(try server.post(APIServer.body()).status == 200)
                #expect(try HealthAnswer(server, "/health/ready").httpStatus == 200)
            }
        }
    }

    @Test func `with DURABILITY, a server is not ready until its replica is back`() async throws {
        try await RedisServer.with { redis in
            try await redis.withReplica { replica in
                let variables = environment(redis, "stream:s", ["DURABILITY": "replica:1"])
                try await APIServer.with(variables) { server in
                    try await eventuallyReady(server)
                    replica.kill()
                    try await eventuallyRefuses(server, "redis:durability", "needs 1 replica: 0")
                    try await replica.start()
                    try await eventuallyReady(server)
                    #expect(try server.post(APIServer.body()).status == 200)
                }
            }
        }
    }

    @Test func `a server is not ready while min-replicas-to-write is not met`()
        async throws
    {
        try await RedisServer.with { redis in
            try await redis.withReplica { _ in
                _ = try await redis.command("CONFIG", "SET", "min-replicas-to-write", "2")
                try await APIServer.with(environment(redis)) { server in
                    try await eventuallyRefuses(server, "redis:writes", "min-replicas-to-write")
                    _ = try await redis.command("CONFIG", "SET", "min-replicas-to-write", "1")
                    try await eventuallyReady(server)
                    #expect(try server.post(APIServer.body()).status == 200)
                }
            }
        }
    }

    @Test func `with DURABILITY=aof, a server is not ready while the file is disabled`()
        async throws
    {
        try await RedisServer.with(["--appendfsync", "always"], kind: .valkey) { redis in
            let variables = environment(redis, "stream:s", ["DURABILITY": "aof"])
            try await APIServer.with(variables) { server in
                try await eventuallyReady(server)
                _ = try await redis.command("CONFIG", "SET", "appendonly", "no")
                try await eventuallyRefuses(server, "redis:durability", "append-only file")
                _ = try await redis.command("CONFIG", "SET", "appendonly", "yes")
                try await eventuallyReady(server)
                try await eventually("a transaction is accepted") {
                    try server.post(APIServer.body()).status == 200
                }
            }
        }
    }

    @Test(arguments: ["allkeys-lru", "volatile-ttl"])
    func `a policy that evicts is a warning, and ready`(policy: String) async throws {
        try await RedisServer.with(["--maxmemory-policy", policy]) { redis in
            try await APIServer.with(environment(redis)) { server in
                for path in ["/health", "/health/ready"] {
                    try await HealthAnswer.eventually("it warns", server, path: path) {
                        $0.httpStatus == 200 && $0.status == "warn"
                            && $0.status("redis:eviction") == "warn"
                            && $0.checks["redis:eviction"]?["observedValue"] as? String == policy
                    }
                }
                _ = try await redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
                try await HealthAnswer.eventually("it passes", server) {
                    $0.status == "pass" && $0.checks["redis:eviction"] == nil
                }
            }
        }
    }

    // MARK: - The probe

    @Test(arguments: ["rq:default", "stream:s"])
    func `probes write nothing, and have a connection of their own`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(environment(redis, queue)) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                func connections() async throws -> Int {
                    try await redis.texts("CLIENT", "LIST").joined().ranges(of: "cmd=evalsha").count
                }
                let before = try await (writes(redis), connections())
                for _ in 0..<3 {
                    try await HealthAnswer.eventually("health passes", server) {
                        $0.status == "pass"
                    }
                }
                #expect(try await writes(redis) == before.0)
                #expect(before.1 == 1)
                #expect(try await connections() == 2)
                // A new login loads the flushed scripts; no caller notices.
                _ = try await redis.command("SCRIPT", "FLUSH")
                for _ in 0..<30 {
                    #expect(try server.get("/health/ready").status == 200)
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
        }
    }

    @Test func `callers see only the status if operators have their own port`() async throws {
        try await RedisServer.with { redis in
            for (port, isOwn) in [("0", true), (nil, false)] as [(String?, Bool)] {
                var variables = environment(redis, "rq:default")
                variables["METRICS_PORT"] = port
                try await APIServer.with(variables) { server in
                    for path in ["/health", "/health/ready"] {
                        try await HealthAnswer.eventually("\(path) passes", server, path: path) {
                            $0.status == "pass"
                        }
                        let body = try server.get(path).body
                        #expect(
                            (body == "{\"checks\": {}, \"status\": \"pass\"}") == isOwn, "\(body)")
                    }
                    guard isOwn else { return }
                    let client = try RawClient(port: try await server.metricsPort())
                    try client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                    let all = try client.readAnswer().body
                    #expect(all.contains("\"queue:depth\"") && all.contains("\"workers:count\""))
                    redis.kill()
                    try await eventually("it fails") { try server.get("/health").status == 503 }
                    #expect(
                        try server.get("/health").body == "{\"checks\": {}, \"status\": \"fail\"}")
                    try await redis.start()
                }
            }
        }
    }

    // MARK: - Redis's own words

    @Test(
        arguments: [
            ("redis://127.0.0.1:PORT/16", "refused(ERR DB index is out of range)"),
            (
                "redis://:hunter2-hunter2@127.0.0.1:PORT",
                "refused(ERR AUTH <password> called without any password configured for the "
                    + "default user. Are you sure your configuration is correct?)"
            ),
            (
                "redis://nobody:hunter2-hunter2@127.0.0.1:PORT",
                "refused(WRONGPASS invalid username-password pair or user is disabled.)"
            ),
        ])
    func `a refused login logs Redis's own words, and not the password`(url: String, words: String)
        async throws
    {
        try await RedisServer.with { redis in
            let url = url.replacingOccurrences(of: "PORT", with: "\(redis.port)")
            try await APIServer.with(["REDIS_URL": url, "THREADS": "1"]) { server in
                try await eventually("the log says it") {
                    server.program.errors.contains(words)
                }
                #expect(!server.program.errors.contains("hunter2"))
                try await HealthAnswer.eventually("health says it", server) {
                    $0.status == "fail"
                        && $0.output("redis:responseTime").contains("refuses the login")
                }
            }
        }
    }
}
