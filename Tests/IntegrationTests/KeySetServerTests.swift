import CoreAPIKit
import Foundation
import Testing

/// `JWT_JWKS_URL`: the server with a real issuer that rotates, hangs and goes away.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KeySetServerTests {
    /// A server without a secret whose keys are the issuer's.
    private func with(
        _ issuer: KeySetIssuer, secret: Bool = false, _ more: [String: String] = [:],
        _ body: (APIServer) async throws -> Void
    ) async throws {
        var environment = ["QUEUE": "memory", "THREADS": "2", "JWT_JWKS_URL": issuer.url]
        if !secret { environment["JWT_SECRET"] = "" }
        try await APIServer.with(environment.merging(more) { $1 }, body)
    }

    private func status(_ server: APIServer, _ token: String) throws -> Int {
        try server.post(APIServer.body(token: token)).status
    }

    private func eventually(
        _ status: Int, _ server: APIServer, _ token: String
    ) async throws {
        try await IntegrationTests.eventually("a transaction is answered \(status)") {
            try self.status(server, token) == status
        }
    }

    @Test func `without its keys the server starts, is not ready, and asks to try again`()
        async throws
    {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        try await KeySetIssuer.with([key], mode: "deaf") { issuer in
            try await with(issuer) { server in
                let answer = try server.post(APIServer.body(token: token))
                #expect(answer.status == 503)
                #expect(answer.body.contains("\"code\":\"keys_unavailable\""))
                #expect(answer.fields["retry-after"] == "5")
                #expect(answer.fields["www-authenticate"] == nil)
                let ready = try HealthAnswer(server, "/health/ready")
                #expect(ready.httpStatus == 503)
                #expect(ready.status == "fail")
                #expect(try server.get("/health/live").status == 200)
                // A token that no key of a set could verify is no matter of keys.
                #expect(try status(server, APIServer.token()) == 401)
                #expect(try status(server, "x.y.z") == 401)
                try issuer.answer("serve")
                try await eventually(200, server, token)
                try await HealthAnswer.eventually("ready", server, path: "/health/ready") {
                    $0.httpStatus == 200 && $0.status == "pass"
                }
                #expect(!server.program.errors.contains(token))
            }
        }
    }

    @Test func `beside a secret, the server without its key set is ready for HS256`() async throws {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        try await KeySetIssuer.with([key], mode: "status 500") { issuer in
            try await with(issuer, secret: true) { server in
                #expect(try status(server, APIServer.token()) == 200)
                #expect(try status(server, token) == 503)
                let ready = try HealthAnswer(server, "/health/ready")
                #expect(ready.httpStatus == 200)
                #expect(ready.status == "warn")
            }
        }
    }

    @Test func `an issuer that hangs or goes away costs no caller anything`() async throws {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        let unknown = try await key.token(keyID: "unknown")
        try await KeySetIssuer.with([key], fields: "Cache-Control: max-age=10") { issuer in
            try await with(issuer, ["METRICS_PORT": "0"]) { server in
                try await eventually(200, server, token)
                try issuer.answer("hang")
                try await TokenLoad.with(server, tokens: [token]) { load in
                    #expect(try status(server, unknown) == 401)
                    try await IntegrationTests.eventually("a fetch hangs") {
                        issuer.fetchCount == 2
                    }
                    try await load.answers(100)
                    let port = try await server.metricsPort()
                    try await IntegrationTests.eventually("a fetch has timed out") {
                        try Scrape(port: port)[
                            "core_api_key_set_fetches_total{result=\"timeout\"}"] ?? 0 > 0
                    }
                    try await load.answers(100)
                    #expect(load.refused == [])
                    let scrape = try Scrape(port: port)
                    #expect(scrape["core_api_key_set_keys"] == 1)
                    #expect(scrape["core_api_key_set_age_seconds"] ?? 0 > 0)
                    #expect(
                        scrape["core_api_key_set_fetches_total{result=\"success\"}"] == 1)
                    let client = try RawClient(port: port)
                    try client.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                    let health = try client.readAnswer()
                    #expect(health.status == 200)
                    #expect(health.body.contains("\"status\": \"warn\""))
                    #expect(server.program.errors.contains("no complete answer in time"))
                }
            }
        }
    }

    @Test func `thousands of tokens with unknown keys are one fetch in five seconds`() async throws
    {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        var unknown: [String] = []
        for index in 0..<50 { unknown.append(try await key.token(keyID: "unknown-\(index)")) }
        try await KeySetIssuer.with([key]) { issuer in
            try await with(issuer) { server in
                try await eventually(200, server, token)
                let began = ContinuousClock.now
                let before = issuer.fetchCount
                let client = try RawClient(port: server.port)
                var count = 0
                while ContinuousClock.now - began < .seconds(11) || count < 2_000 {
                    try client.send(
                        APIServer.post(APIServer.body(token: unknown[count % unknown.count])))
                    let answer = try client.readAnswer()
                    #expect(answer.status == 401)
                    count += 1
                    if count.isMultiple(of: 100) { #expect(try status(server, token) == 200) }
                }
                let seconds = (ContinuousClock.now - began) / .seconds(1)
                let fetches = issuer.fetchCount - before
                #expect(fetches >= 1)
                #expect(fetches <= Int(seconds / 5) + 1, "\(count) tokens in \(seconds) s")
                #expect(issuer.isSerial)
            }
        }
    }

    @Test func `a rotation under load refuses no valid token`() async throws {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let (oldToken, newToken) = (try await old.token(), try await new.token())
        try await KeySetIssuer.with([old]) { issuer in
            try await with(issuer) { server in
                try await eventually(200, server, oldToken)
                try await TokenLoad.with(server, tokens: [oldToken]) { load in
                    try issuer.publish([old, new])
                    // The first token of the new key asks for the set, and is refused at once.
                    #expect(try status(server, newToken) == 401)
                    try await eventually(200, server, newToken)
                    try await load.use([oldToken, newToken])
                    try await load.use([newToken])
                    try issuer.publish([new])
                    // A token with an unknown key has the set fetched that lacks the old one.
                    #expect(try status(server, try await new.token(keyID: "x")) == 401)
                    try await eventually(401, server, oldToken)
                    try await load.answers(20)
                    #expect(load.refused == [])
                }
            }
        }
    }

    @Test func `a service moves from a secret to a key set without a refused token`() async throws {
        let key = try await IssuerKey("a")
        let (signed, shared) = (try await key.token(), APIServer.token())
        try await KeySetIssuer.with([key]) { issuer in
            try await with(issuer, secret: true) { server in
                try await eventually(200, server, signed)
                try await TokenLoad.with(server, tokens: [shared]) { load in
                    try await load.use([shared, signed])
                    try await load.use([signed])
                    #expect(load.refused == [])
                }
            }
            // At last the secret is gone.
            try await with(issuer) { server in
                try await eventually(200, server, signed)
                #expect(try status(server, shared) == 401)
            }
        }
    }

    @Test func `SIGHUP has the set fetched`() async throws {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let newToken = try await new.token()
        try await KeySetIssuer.with([old]) { issuer in
            try await with(issuer) { server in
                try await eventually(200, server, try await old.token())
                try issuer.publish([new])
                server.program.signal(SIGHUP)
                try await eventually(200, server, newToken)
                #expect(issuer.fetchCount == 2)
            }
        }
    }

    @Test func `an allow-list decides which algorithms are believed`() async throws {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        try await KeySetIssuer.with([key]) { issuer in
            try await with(issuer, secret: true, ["JWT_ALGORITHMS": "EdDSA"]) { server in
                try await eventually(200, server, token)
                #expect(try status(server, APIServer.token()) == 401)
                #expect(server.program.errors.contains("JWT_ALGORITHMS lacks HS256"))
            }
            try await with(issuer, secret: true, ["JWT_ALGORITHMS": "HS256,ES256"]) { server in
                #expect(try status(server, APIServer.token()) == 200)
                #expect(try status(server, token) == 401)
                try await IntegrationTests.eventually("the log says that the set is of no use") {
                    server.program.errors.contains("no key that can verify tokens")
                }
            }
        }
    }
}
