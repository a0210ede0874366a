import CoreAPIKit
import Foundation
import Testing

/// What `/health` says of a key set: its checks stand beside those of Redis.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KeySetHealthTests {
    private static func key() async throws -> (IssuerKey, token: String) {
        let key = try await IssuerKey("a")
        return (key, try await key.token())
    }

    private func with(
        _ keys: [String: String], secret: Bool = false, _ body: (APIServer) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            var environment = [
                "REDIS_URL": redis.url, "QUEUE": "stream:s", "THREADS": "2",
                "HEALTH_WORKERS_MIN": "0",
            ]
            if !secret { environment["JWT_SECRET"] = "" }
            try await APIServer.with(environment.merging(keys) { $1 }, body)
        }
    }

    @Test func `without its keys the server is not ready, and health says which check fails`()
        async throws
    {
        let (key, token) = try await Self.key()
        try await KeySetIssuer.with([key], mode: "status 500") { issuer in
            try await with(["JWT_JWKS_URL": issuer.url]) { server in
                try await HealthAnswer.eventually("the failure is named", server) {
                    $0.output("keys:count").contains("the status is 500")
                }
                for path in ["/health", "/health/ready"] {
                    let answer = try HealthAnswer(server, path)
                    #expect(answer.httpStatus == 503)
                    #expect(answer.status("keys:count") == "fail")
                    #expect(answer.number("keys:count") == 0)
                    #expect(answer.status("redis:responseTime") == "pass")
                }
                try issuer.answer("serve")
                try await eventually("a transaction is accepted") {
                    try server.post(APIServer.body(token: token)).status == 200
                }
                let answer = try HealthAnswer(server)
                #expect(answer.httpStatus == 200)
                #expect(answer.number("keys:count") == 1)
                #expect(answer.status("keys:age") == "pass")
            }
        }
    }

    @Test func `beside a secret, a key set that is away is a warning`() async throws {
        let (key, _) = try await Self.key()
        try await KeySetIssuer.with([key], mode: "status 500") { issuer in
            try await with(["JWT_JWKS_URL": issuer.url], secret: true) { server in
                let ready = try HealthAnswer(server, "/health/ready")
                #expect(ready.httpStatus == 200)
                #expect(ready.status("keys:count") == "warn")
            }
        }
    }

    @Test func `a file that is not used as it is now is a warning`() async throws {
        let (key, _) = try await Self.key()
        let file = try RotatedFile(IssuerKey.keySet([key, try await IssuerKey("b")]))
        try await with(["JWT_JWKS_FILE": file.path]) { server in
            #expect(try HealthAnswer(server).number("keys:count") == 2)
            #expect(try HealthAnswer(server).status("keys:age") == nil)
            try file.write("not JSON")
            try await HealthAnswer.eventually("health warns", server) {
                $0.status("keys:count") == "warn" && $0.httpStatus == 200
            }
        }
    }

    @Test func `without Redis the checks are empty, and the status counts`() async throws {
        let (key, token) = try await Self.key()
        try await KeySetIssuer.with([key], mode: "status 500") { issuer in
            let environment = [
                "QUEUE": "memory", "JWT_SECRET": "", "JWT_JWKS_URL": issuer.url,
                "METRICS_PORT": "0",
            ]
            try await APIServer.with(environment) { server in
                let metrics = try await server.metricsPort()
                func body(_ path: String, _ port: UInt16) throws -> String {
                    let client = try RawClient(port: port)
                    try client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    return try client.readAnswer().body
                }
                for (port, path) in [server.port, metrics].flatMap({ port in
                    ["/health", "/health/ready"].map { (port, $0) }
                }) {
                    #expect(try body(path, port) == "{\"checks\": {}, \"status\": \"fail\"}")
                }
                try issuer.answer("serve")
                try await eventually("a transaction is accepted") {
                    try server.post(APIServer.body(token: token)).status == 200
                }
                for port in [server.port, metrics] {
                    let expected = "{\"checks\": {}, \"status\": \"pass\"}"
                    #expect(try body("/health", port) == expected)
                }
            }
        }
    }
}
