import CoreAPIRedis
import Foundation
import Testing

@testable import CoreAPIKit

/// `GET /transaction/{id}`, as a merchant meets it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusServerTests {
    private func get(
        _ server: APIServer, _ path: String, user: Int = 1, fields: String? = nil
    ) throws -> Answer {
        let token = APIServer.token(userID: user)
        return try server.get(path, fields: fields ?? "Authorization: Bearer \(token)\r\n")
    }

    private func expectUnknown(
        _ answer: Answer, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.status == 404, sourceLocation: sourceLocation)
        #expect(answer.fields["cache-control"] == "no-store", sourceLocation: sourceLocation)
        #expect(
            answer.body.contains("\"code\":\"transaction_unknown\""),
            sourceLocation: sourceLocation)
    }

    private static let queues = ["memory", "rq:default", "stream:s"]

    @Test(arguments: queues)
    func `after a 200 its Location tells what became of the transaction`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            let environment = [
                "QUEUE": queue, "REDIS_URL": redis.url, "STATUS_SECONDS": "600", "THREADS": "2",
            ]
            try await APIServer.with(environment) { server in
                let accepted = try server.post(
                    APIServer.body(), fields: "Idempotency-Key: k\r\n")
                let id = try #require(accepted.fields["transaction-id"])
                #expect(accepted.fields["location"] == "/transaction/\(id)")
                let answer = try get(server, "/transaction/\(id)")
                #expect(answer.status == 200)
                #expect(answer.fields["content-type"] == "application/json")
                #expect(answer.fields["cache-control"] == "no-store")
                let pattern = /"created_at":"([^"]+Z)"/
                let time = try #require(try pattern.firstMatch(in: answer.body)).output.1
                #expect(
                    answer.body
                        == "{\"id\":\"\(id)\",\"status\":\"queued\",\"amount\":100,"
                        + "\"currency\":\"USD\",\"user_id\":1,\"created_at\":\"\(time)\","
                        + "\"updated_at\":\"\(time)\",\"attempts\":0}")
                // A replay names the first one.
                let again = try server.post(APIServer.body(), fields: "Idempotency-Key: k\r\n")
                #expect(again.fields["location"] == "/transaction/\(id)")
                expectUnknown(try get(server, "/transaction/\(id)", user: 2))
                // RFC 9562 §4: capitals are read too, and written by nobody.
                #expect(try get(server, "/transaction/\(id.uppercased())").body == answer.body)
                expectUnknown(try get(server, "/transaction/\(UUID().uuidString.lowercased())"))
                for path in ["x", "%20", id + "x", String(repeating: "a", count: 7_000)] {
                    expectUnknown(try get(server, "/transaction/\(path)"))
                }
            }
        }
    }

    @Test(arguments: queues)
    func `without STATUS_SECONDS nothing is kept or told`(queue: String) async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                let accepted = try server.post(APIServer.body())
                let id = try #require(accepted.fields["transaction-id"])
                #expect(accepted.fields["location"] == nil)
                expectUnknown(try get(server, "/transaction/\(id)"))
                #expect(try await redis.texts("KEYS", "core-api:status:*").isEmpty)
                #expect(
                    try await redis.texts("HGET", "rq:job:\(id)", "result_ttl").isEmpty)
            }
        }
    }

    @Test func `the token is checked as that of a transaction is`() async throws {
        try await APIServer.with(["QUEUE": "memory", "STATUS_SECONDS": "600"]) { server in
            let accepted = try server.post(APIServer.body())
            let path = try #require(accepted.fields["location"])
            let without = try get(server, path, fields: "")
            #expect(without.status == 401 && without.body.contains("\"code\":\"token_missing\""))
            #expect(without.fields["www-authenticate"] == "Bearer")
            #expect(without.fields["cache-control"] == "no-store")
            let forged = try get(server, path, fields: "Authorization: Bearer a.b.c\r\n")
            #expect(forged.status == 401)
            #expect(forged.fields["www-authenticate"] == "Bearer error=\"invalid_token\"")
            let disabled = APIServer.token(isEnabled: false)
            let refused = try get(
                server, path, fields: "Authorization: Bearer \(disabled)\r\n")
            #expect(refused.status == 403 && refused.body.contains("user_disabled"))
            #expect(refused.fields["cache-control"] == "no-store")
            let expired = APIServer.token(lifetime: -10)
            #expect(
                try get(server, path, fields: "Authorization: Bearer \(expired)\r\n").status
                    == 401)
            #expect(try get(server, "/transaction/x", fields: "").status == 401)
        }
    }

    @Test func `HEAD, OPTIONS and other methods are as for other resources`() async throws {
        try await APIServer.with(["QUEUE": "memory", "STATUS_SECONDS": "600"]) { server in
            let path = try #require(try server.post(APIServer.body()).fields["location"])
            let token = APIServer.token()
            func exchange(_ method: String) throws -> String {
                let client = try RawClient(port: server.port)
                try client.send(
                    "\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        + "Authorization: Bearer \(token)\r\n\r\n")
                return try client.readToEnd()
            }
            let head = try exchange("HEAD")
            #expect(head.hasPrefix("HTTP/1.1 200") && head.hasSuffix("\r\n\r\n"))
            #expect(head.contains("Content-Length: "))
            #expect(try exchange("OPTIONS").contains("Allow: GET, HEAD, OPTIONS\r\n"))
            let post = try exchange("POST")
            #expect(post.hasPrefix("HTTP/1.1 405"))
            #expect(post.contains("Allow: GET, HEAD, OPTIONS\r\n"))
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `while Redis is away the status is 503, and afterwards the truth again`(queue: String)
        async throws
    {
        try await RedisServer.with(ConsumerHarness.keepsEverything) { redis in
            let environment = [
                "QUEUE": queue, "REDIS_URL": redis.url, "STATUS_SECONDS": "600", "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                let path = try #require(try server.post(APIServer.body()).fields["location"])
                #expect(try get(server, path).status == 200)
                for hangs in [true, false] {
                    if hangs { redis.pause() } else { redis.kill() }
                    let away = try get(server, path)
                    #expect(away.status == 503)
                    #expect(away.body.contains("\"code\":\"queue_unavailable\""))
                    #expect(away.fields["retry-after"] != nil)
                    if hangs { redis.resume() } else { try await redis.start() }
                    try await eventually("it is told again") {
                        try get(server, path).status == 200
                    }
                }
                _ = try await redis.command("SCRIPT", "FLUSH")
                #expect(try get(server, path).status == 200)
            }
        }
    }

    @Test func `more questions than the limit are refused while Redis hangs`() async throws {
        try await RedisServer.with { redis in
            let environment = [
                "QUEUE": "stream:s", "REDIS_URL": redis.url, "STATUS_SECONDS": "600",
                "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                let path = try #require(try server.post(APIServer.body()).fields["location"])
                #expect(try get(server, path).status == 200)
                redis.pause()
                let token = APIServer.token()
                let clients = try (0..<80).map { _ in try RawClient(port: server.port) }
                for client in clients {
                    try client.send(
                        "GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n\r\n")
                }
                let answers = try clients.map { try $0.readAnswer() }
                redis.resume()
                #expect(answers.allSatisfy { $0.status == 503 })
                let refused = answers.filter { $0.body.contains("\"code\":\"overloaded\"") }
                #expect(refused.count == 80 - RedisTransactionStatusStore.waitingMax)
            }
        }
    }
}
