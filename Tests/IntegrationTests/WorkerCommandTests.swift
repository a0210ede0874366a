import CoreAPIRedis
import Foundation
import Testing

/// The command `rq worker`, which imports the module of `RQ_FUNCTION`.
@Suite(.serialized, .timeLimit(.minutes(10))) struct WorkerCommandTests {
    /// A folder with the module `psp.connector`, which prints, fails or hangs as the amount says.
    private static func withModule(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-module-\(UUID().uuidString)")
        let package = folder.appending(path: "psp")
        try FileManager.default.createDirectory(at: package, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data().write(to: package.appending(path: "__init__.py"))
        try Data(
            """
            import time
            def charge(*, user_id, amount, currency):
                if amount == 2: raise ValueError('declined')
                if amount == 3: time.sleep(600)
                print(f'charged: {user_id!r} {amount!r} {currency!r}', flush=True)
            """.utf8
        ).write(to: package.appending(path: "connector.py"))
        try await body(folder.path)
    }

    private static func arguments(_ redis: RedisServer, _ module: String) -> [String] {
        ["worker", "--url", redis.url, "--path", module]
    }

    @Test(arguments: RQWorker.versions)
    func `rq worker imports the module and runs its function, within the timeout`(version: String)
        async throws
    {
        try await Self.withModule { module in
            try await RedisServer.with { redis in
                let environment = [
                    "REDIS_URL": redis.url, "QUEUE": "rq:payments",
                    "RQ_FUNCTION": "psp.connector.charge", "RQ_JOB_TIMEOUT": "1",
                    "RQ_FAILURE_TTL": "500",
                ]
                try await APIServer.with(environment) { server in
                    var ids: [String] = []
                    for amount in 1...3 {
                        let answer = try server.post(APIServer.body(amount: amount))
                        #expect(answer.status == 200)
                        ids.append(try #require(answer.fields["transaction-id"]))
                    }
                    let result = try await Program.run(
                        try RQWorker.command(version),
                        Self.arguments(redis, module) + ["--burst", "payments"],
                        withinSeconds: 300)
                    #expect(result.status == 0, "\(result.errors)")
                    #expect(result.output.contains("charged: 1 1 'USD'"), "\(result.errors)")
                    var statuses: [String] = []
                    for id in ids {
                        statuses += try await redis.texts("HGET", "rq:job:\(id)", "status")
                    }
                    #expect(statuses == ["finished", "failed", "failed"], "\(result.errors)")
                    let failed = try await redis.texts("ZRANGE", "rq:failed:payments", "0", "-1")
                    #expect(Set(failed) == Set(ids[1...]))
                    for id in ids[1...] {
                        let reply = try await redis.command("TTL", "rq:job:\(id)")
                        guard case .integer(let seconds) = reply else {
                            Issue.record("TTL replied \(reply)")
                            continue
                        }
                        #expect(1...500 ~= seconds)
                    }
                    #expect(result.errors.contains("exceeded maximum timeout value (1 seconds)"))
                }
            }
        }
    }

    @Test(arguments: RQWorker.versions)
    func `no limit of time and no end of a failed job are rq's -1`(version: String) async throws {
        try await Self.withModule { module in
            try await RedisServer.with { redis in
                let environment = [
                    "REDIS_URL": redis.url, "RQ_FUNCTION": "psp.connector.charge",
                    "RQ_JOB_TIMEOUT": "-1", "RQ_FAILURE_TTL": "-1",
                ]
                try await APIServer.with(environment) { server in
                    _ = try server.post(APIServer.body(amount: 1))
                    let failing = try server.post(APIServer.body(amount: 2))
                    let id = try #require(failing.fields["transaction-id"])
                    let result = try await Program.run(
                        try RQWorker.command(version),
                        Self.arguments(redis, module) + ["--burst", "default"], withinSeconds: 300)
                    #expect(result.status == 0, "\(result.errors)")
                    #expect(result.output.contains("charged: 1 1 'USD'"), "\(result.errors)")
                    #expect(try await redis.command("TTL", "rq:job:\(id)") == .integer(-1))
                    #expect(
                        try await redis.texts("ZRANGE", "rq:failed:default", "0", "-1") == [id])
                }
            }
        }
    }

    @Test(arguments: ["pay:rq", "{rq}"])
    func `workers of rq 3 with a key prefix take the jobs, and are counted`(prefix: String)
        async throws
    {
        try await Self.withModule { module in
            try await RedisServer.with { redis in
                let environment = [
                    "REDIS_URL": redis.url, "RQ_FUNCTION": "psp.connector.charge",
                    "RQ_KEY_PREFIX": prefix, "THREADS": "1",
                ]
                try await APIServer.with(environment) { server in
                    for _ in 0..<2 {
                        let answer = try server.post(
                            APIServer.body(amount: 1), fields: "Idempotency-Key: k\r\n")
                        #expect(answer.status == 200)
                    }
                    #expect(
                        try await redis.command("LLEN", "\(prefix):queue:default") == .integer(1))
                    try await HealthAnswer.eventually("one waits, nobody is there", server) {
                        $0.number("queue:depth") == 1 && $0.number("workers:count") == 0
                            && $0.number("queue:age") != nil
                    }
                    let worker = try Program(
                        try RQWorker.command("rq-newest"),
                        Self.arguments(redis, module) + ["default"],
                        environment: ["RQ_KEY_PREFIX": prefix])
                    try await HealthAnswer.eventually("a worker has done it", server) {
                        $0.number("queue:depth") == 0 && $0.number("workers:count") == 1
                            && $0.status == "pass"
                    }
                    try await eventually("it is charged") {
                        worker.output.contains("charged: 1 1 'USD'")
                    }
                    let keys = try await redis.texts("KEYS", "*")
                    let own = keys.filter { $0.hasPrefix("core-api:") }
                    let tag =
                        prefix.contains("{")
                        ? "\(prefix):queue:default" : "{\(prefix):queue:default}"
                    #expect(own.contains("core-api:idempotency:\(tag):1:k"))
                    #expect(own.allSatisfy { $0.contains(":\(tag):") }, "\(own)")
                    #expect(!keys.contains { $0.hasPrefix("rq:") })
                    worker.signal(SIGKILL)
                }
            }
        }
    }
}
