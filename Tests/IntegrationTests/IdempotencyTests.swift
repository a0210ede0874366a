import CoreAPIRedis
import Foundation
import Testing

/// `Idempotency-Key`, as a caller meets it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct IdempotencyTests {
    private func post(
        _ server: APIServer, _ key: String, amount: Int = 100, currency: String = "USD",
        user: Int = 1
    ) throws -> Answer {
        let token = APIServer.token(userID: user, lifetime: Int64.random(in: 1_000...9_000))
        return try server.post(
            APIServer.body(amount: amount, currency: currency, token: token),
            fields: "Idempotency-Key: \(key)\r\n")
    }

    @Test(arguments: ["memory", "rq:default", "stream:s"])
    func `a retry with another token is answered by the first transaction`(queue: String)
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": queue, "REDIS_URL": redis.url]) { server in
                let first = try post(server, "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")
                #expect(first.status == 200)
                #expect(first.fields["idempotent-replayed"] == nil)
                // Bare or quoted, it is the same key.
                for key in [
                    "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
                    "8e03978e-40d5-43dd-bc93-6894a57f9324",
                ] {
                    let again = try post(server, key)
                    #expect(again.status == 200)
                    #expect(again.body == first.body)
                    #expect(again.fields["transaction-id"] == first.fields["transaction-id"])
                    #expect(again.fields["idempotent-replayed"] == "true")
                }
                let other = try post(server, "8e03978e-40d5-43dd-bc93-6894a57f9324", user: 2)
                #expect(other.status == 200)
                #expect(other.fields["idempotent-replayed"] == nil)
                #expect(other.fields["transaction-id"] != first.fields["transaction-id"])
                for (amount, currency) in [(101, "USD"), (100, "EUR")] {
                    let reused = try post(
                        server, "8e03978e-40d5-43dd-bc93-6894a57f9324", amount: amount,
                        currency: currency)
                    #expect(reused.status == 422)
                    #expect(reused.body.contains("\"code\":\"idempotency_key_reused\""))
                }
                if queue == "stream:s" {
                    #expect(try await redis.command("XLEN", "s") == .integer(2))
                } else if queue == "rq:default" {
                    #expect(try await redis.command("LLEN", "rq:queue:default") == .integer(2))
                }
            }
        }
    }

    @Test func `an invalid key is refused, after the token and the fields`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let long = String(repeating: "k", count: 256)
            for key in ["", "\"\"", "two words", "\"open", "k\u{E9}", long, "\"k\"; x=1"] {
                let refused = try post(server, key)
                #expect(refused.status == 400, "\(key)")
                #expect(refused.body.contains("\"code\":\"invalid_idempotency_key\""), "\(key)")
                #expect(refused.fields["connection"] == nil, "the connection goes on")
            }
            #expect(try post(server, "k\r\nIdempotency-Key: k").status == 400)
            #expect(try post(server, "", amount: 0).status == 422)
            let forged = try server.post(
                APIServer.body(token: "x"), fields: "Idempotency-Key: \"\"\r\n")
            #expect(forged.status == 401)
        }
    }

    @Test func `a refused transaction leaves no record`() async throws {
        try await RedisServer.with { redis in
            try await APIServer.with(["QUEUE": "stream:s", "REDIS_URL": redis.url]) { server in
                #expect(try post(server, "k", amount: 0).status == 422)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                let full = try post(server, "k", amount: 5)
                #expect(full.status == 503)
                _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                let accepted = try post(server, "k", amount: 7)
                #expect(accepted.status == 200)
                #expect(accepted.fields["idempotent-replayed"] == nil)
                #expect(try await redis.command("XLEN", "s") == .integer(1))
            }
        }
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `two servers that race with one key enqueue once`(queue: String) async throws {
        try await RedisServer.with { redis in
            let environment = ["QUEUE": queue, "REDIS_URL": redis.url]
            try await APIServer.with(environment) { one in
                try await APIServer.with(environment) { two in
                    for round in 0..<20 {
                        let clients = try [one, two, one, two].map { try RawClient(port: $0.port) }
                        let request = APIServer.post(
                            APIServer.body(), fields: "Idempotency-Key: round-\(round)\r\n")
                        for client in clients { try client.send(request) }
                        let answers = try clients.map { try $0.readAnswer() }
                        #expect(answers.allSatisfy { $0.status == 200 })
                        #expect(Set(answers.map { $0.fields["transaction-id"] }).count == 1)
                        let replays = answers.filter { $0.fields["idempotent-replayed"] == "true" }
                        #expect(replays.count == 3)
                    }
                    let length =
                        queue == "stream:s"
                        ? try await redis.command("XLEN", "s")
                        : try await redis.command("LLEN", "rq:queue:default")
                    #expect(length == .integer(20))
                }
            }
        }
    }
}
