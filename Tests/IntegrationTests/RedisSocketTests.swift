import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// `unix://`: a redis-server's socket in the file system.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RedisSocketTests {
    /// A redis-server with a socket besides its port.
    private func withSocket(
        _ body: (_ redis: RedisServer, _ path: String) async throws -> Void
    ) async throws {
        let path = "/tmp/core-api-test-\(UUID().uuidString) ü.sock"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await RedisServer.with(["--unixsocket", path, "--appendfsync", "always"]) { redis in
            try await body(redis, path)
        }
    }

    private func encoded(_ path: String) throws -> String {
        try #require(path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed))
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `a transaction is confirmed over a socket, in the database of the URL`(
        queue: String
    ) async throws {
        try await withSocket { redis, path in
            let url = "unix://\(try encoded(path))?db=3"
            try await APIServer.with(["REDIS_URL": url, "QUEUE": queue]) { server in
                let answer = try server.post(APIServer.body())
                #expect(answer.status == 200)
                #expect(try server.get("/health").status == 200)
                // Redis that comes back over the same socket is found again.
                redis.kill()
                try await redis.start()
                try await eventually("health passes") {
                    try server.get("/health/ready").status == 200
                }
                let later = try server.post(APIServer.body())
                #expect(later.status == 200)
            }
            let key = queue == "stream:s" ? ["XLEN", "s"] : ["LLEN", "rq:queue:default"]
            let database = "redis://127.0.0.1:\(redis.port)/3"
            #expect(try await redis.command(key, url: database) == .integer(2))
        }
    }

    @Test func `a user logs in over a socket, and thousands of commands pass it`() async throws {
        try await withSocket { redis, path in
            let (user, rights) = RedisServer.accessRights[0]
            _ = try await redis.command(["ACL", "SETUSER", user, "on", ">p w"] + rights)
            let url = "unix://\(user):p%20w@\(try encoded(path))"
            let queue = try await RQTransactionQueue(url: url)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2_000 {
                    let transaction = try Transaction(
                        id: .random(), amount: try #require(Amount(1)),
                        currency: try #require(CurrencyCode("EUR")), userID: 1, createdAt: .now())
                    group.addTask { try await queue.enqueue(transaction) }
                }
                try await group.waitForAll()
            }
            #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(2_000))
        }
    }

    @Test func `python-rq processes a posted transaction, both over a socket`() async throws {
        try await withSocket { redis, path in
            let environment = ["REDIS_URL": "unix://\(try encoded(path))?db=2"]
            try await APIServer.with(environment) { server in
                let answer = try server.post(APIServer.body(amount: 321))
                #expect(answer.status == 200)
            }
            let result = try await RQWorker.run("rq-1.10.0", environment: environment)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.contains("processed: user_id=1 amount=321"), "\(result.errors)")
        }
    }

    @Test func `a socket that is not there is named as other connection errors are`() async throws {
        await #expect(
            throws: RedisError.connectFailed(SystemError(code: 2, call: "connect"))
        ) { try await RQTransactionQueue(url: "unix:///no/such.sock") }
    }
}
