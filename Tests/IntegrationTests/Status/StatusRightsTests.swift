import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// What a server's user of Redis's access list needs for statuses.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusRightsTests {
    @Test(arguments: [("rq:default", 0), ("stream:transactions", 1)])
    func `with the rights that docs say a status is told, and a missing one is 503 and logged`(
        queue: String, index: Int
    ) async throws {
        let (user, rights) = RedisServer.accessRights[index]
        let more = RedisServer.statusRights[index == 0 ? 2 : 0]
        // Without the length of rq's results there are fewer attempts, and no error.
        for missing in [nil] + more.filter({ $0 != "+xlen" }).map({ $0 as String? }) {
            try await RedisServer.with { redis in
                _ = try await redis.command(
                    ["ACL", "SETUSER", user, "on", ">pw"] + rights + more.filter { $0 != missing })
                if index == 1 {
                    // Delivered, and acknowledged plainly: the question takes all steps.
                    _ = try await redis.command(
                        "XGROUP", "CREATE", "transactions", "g", "0", "MKSTREAM")
                }
                let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
                try await APIServer.with([
                    "REDIS_URL": url, "QUEUE": queue, "STATUS_SECONDS": "600", "THREADS": "1",
                ]) { server in
                    let accepted = try server.post(APIServer.body())
                    let path = try #require(accepted.fields["location"])
                    if index == 1 {
                        _ = try await redis.command(
                            "XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "transactions",
                            ">")
                    }
                    let answer = try server.get(
                        path, fields: "Authorization: Bearer \(APIServer.token())\r\n")
                    #expect(
                        answer.status == (missing == nil ? 200 : 503), "\(missing ?? "all")")
                    let isLogged = server.program.errors.contains("Redis refuses to tell")
                    #expect(isLogged == (missing != nil))
                }
            }
        }
    }

    @Test func `a server that may not write the status of a transaction is not ready`()
        async throws
    {
        try await RedisServer.with { redis in
            let (user, rights) = RedisServer.accessRights[1]
            let narrow = rights.filter { $0 != "~core-api:*" }
            _ = try await redis.command(
                ["ACL", "SETUSER", user, "on", ">pw", "~core-api:session:*"]
                    + ["~core-api:idempotency:*", "~core-api:partitions:*"] + narrow)
            let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
            var environment = ["REDIS_URL": url, "QUEUE": "stream:transactions"]
            try await APIServer.with(environment) { server in
                try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
                    $0.httpStatus == 200
                }
                #expect(try server.post(APIServer.body()).status == 200)
            }
            environment["STATUS_SECONDS"] = "600"
            try await APIServer.with(environment) { server in
                try await HealthAnswer.eventually("not ready", server, path: "/health/ready") {
                    $0.httpStatus == 503
                }
                #expect(try server.post(APIServer.body()).status == 503)
                _ = try await redis.command("ACL", "SETUSER", user, "~core-api:status:*")
                try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
                    $0.httpStatus == 200
                }
                #expect(try server.post(APIServer.body()).status == 200)
            }
        }
    }
}
