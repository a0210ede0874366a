import Foundation
import Testing

/// Users of Redis's access list: the permissions of docs/wire-formats.md suffice, and a missing one
/// is named.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AccessListTests {
    /// The user of `rq:default`, or of `stream:transactions`.
    private func rights(_ queue: String) throws -> (user: String, rights: [String]) {
        try #require(RedisServer.accessRights.first { queue.hasPrefix($0.0.prefix(2)) })
    }

    private func environment(
        _ redis: RedisServer, _ queue: String, without missing: String? = nil,
        with more: [String] = []
    ) async throws -> [String: String] {
        let (user, rights) = try rights(queue)
        let given = rights.filter { $0 != missing } + more
        _ = try await redis.command(["ACL", "SETUSER", user, "reset", "on", ">pw"] + given)
        return [
            "REDIS_URL": "redis://\(user):pw@127.0.0.1:\(redis.port)", "QUEUE": queue,
            "THREADS": "1",
        ]
    }

    /// The error output of a server that does not start.
    private func refusal(_ environment: [String: String]) async throws -> String {
        var environment = environment
        environment["JWT_SECRET"] = APIServer.secret
        let refused = try await Program.run(
            Program.built("core-api"), [], environment: environment)
        // The right may be given later: a service manager tries again.
        #expect(refused.status == 1)
        return refused.errors
    }

    @Test(arguments: ["rq:default", "stream:transactions"])
    func `with the rights that docs say, transactions are accepted, and replayed`(
        queue: String
    ) async throws {
        try await RedisServer.with { redis in
            let environment = try await environment(redis, queue)
            try await APIServer.with(environment) { server in
                try expectAccepted(server)
                #expect(!server.program.errors.contains("Redis refuses"))
            }
        }
    }

    private func expectAccepted(_ server: APIServer) throws {
        let first = try server.post(APIServer.body(), fields: "Idempotency-Key: k\r\n")
        #expect(first.status == 200)
        let again = try server.post(APIServer.body(), fields: "Idempotency-Key: k\r\n")
        #expect(again.fields["idempotent-replayed"] == "true")
        let plain = try server.post(APIServer.body())
        #expect(plain.status == 200)
    }

    @Test(arguments: ["rq:default", "stream:transactions"])
    func `DURABILITY needs one right more, without which the server does not start`(
        queue: String
    ) async throws {
        try await RedisServer.with { redis in
            try await redis.withReplica { _ in
                var variables = try await environment(redis, queue)
                variables["DURABILITY"] = "replica:1"
                let refusal = try await refusal(variables)
                #expect(refusal.contains("NOPERM"), "\(refusal)")
                #expect(refusal.contains("wait"), "\(refusal)")
                _ = try await environment(redis, queue, with: ["+wait"])
                try await APIServer.with(variables) { server in try expectAccepted(server) }
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:transactions"])
    func `DURABILITY of aof needs the right to WAITAOF`(queue: String) async throws {
        try await RedisServer.with(["--appendfsync", "always"], kind: .valkey) { redis in
            var variables = try await environment(redis, queue)
            variables["DURABILITY"] = "aof"
            let refusal = try await refusal(variables)
            #expect(refusal.contains("waitaof"), "\(refusal)")
            _ = try await environment(redis, queue, with: ["+waitaof"])
            try await APIServer.with(variables) { server in try expectAccepted(server) }
        }
    }

    /// Without these rights no session is opened, so that there is no connection.
    private static let sessionRights = ["+script|load", "+evalsha", "+set", "+get", "~core-api:*"]

    @Test(arguments: ["rq:default", "stream:transactions"])
    func `a right that is missing is 503 for the caller, and named in the log`(
        queue: String
    ) async throws {
        for right in try rights(queue).rights
        where !RefusalTests.spareRights.contains(right) {
            try await RedisServer.with { redis in
                let environment = try await environment(redis, queue, without: right)
                try await APIServer.with(environment) { server in
                    let answer = try server.post(APIServer.body())
                    #expect(answer.status == 503, "without \(right)")
                    #expect(answer.body.contains("queue_unavailable"))
                    let log = server.program.errors
                    let expected =
                        AccessListTests.sessionRights.contains(right)
                        ? "no connection to Redis" : "Redis refuses transactions"
                    #expect(log.contains(expected), "without \(right): \(log)")
                    #expect(log.contains("NOPERM") || log.contains("can't run"), "\(log)")
                    // A repeated failure is not logged again.
                    _ = try server.post(APIServer.body())
                    #expect(
                        server.program.errors.ranges(of: expected).count == 1, "without \(right)")
                }
                try await eventually("nothing is left without \(right)") {
                    try await redis.texts("KEYS", "*").allSatisfy {
                        $0 == "rq:queues" || $0.hasPrefix("core-api:session:")
                            || $0.hasPrefix("core-api:partitions:")
                    }
                }
            }
        }
    }
}
