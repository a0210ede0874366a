import ChildProcess
import CoreAPIKit
import Foundation
import Testing

/// `JWT_JWKS_URL` with https: the issuer renews its certificate, and goes away.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KeySetTLSTests {
    private func with(
        _ url: String, authority: String, _ body: (APIServer) async throws -> Void
    ) async throws {
        let environment = [
            "QUEUE": "memory", "THREADS": "2", "JWT_SECRET": "", "METRICS_PORT": "0",
            "JWT_JWKS_URL": url, "JWT_JWKS_CA_FILE": authority,
        ]
        try await APIServer.with(environment, body)
    }

    private func status(_ server: APIServer, _ token: String) throws -> Int {
        try server.post(APIServer.body(token: token)).status
    }

    private func eventually(_ status: Int, _ server: APIServer, _ token: String) async throws {
        try await IntegrationTests.eventually("a transaction is answered \(status)") {
            try self.status(server, token) == status
        }
    }

    private func eventually(_ words: String, _ server: APIServer) async throws {
        do {
            try await IntegrationTests.eventually("the log has: \(words)") {
                server.program.errors.contains(words)
            }
        } catch { throw TooLate(what: "\(error) \(server.program.errors.suffix(2_000))") }
    }

    private func fetches(_ server: APIServer, _ result: String) async throws -> Double {
        try Scrape(port: try await server.metricsPort())[
            "core_api_key_set_fetches_total{result=\"\(result)\"}"] ?? 0
    }

    private func text(_ certificates: TestCertificates, _ names: String...) throws -> String {
        try names.map {
            try String(contentsOfFile: certificates.path("\($0).pem"), encoding: .utf8)
        }.joined()
    }

    private func pair(
        _ certificates: TestCertificates, _ name: String
    ) -> (certificate: String, key: String) {
        (certificates.path("\(name).pem"), certificates.path("\(name).key"))
    }

    @Test(arguments: [false, true])
    func `authorities that change are read again, and broken ones leave those in use`(
        signals: Bool
    ) async throws {
        let key = try await IssuerKey("a")
        let token = try await key.token()
        try await TestCertificates.with { certificates in
            let file = try RotatedFile(try text(certificates, "other-ca"))
            let authorities = "\"message\":\"authorities of the key set"
            try await KeySetIssuer.with([key], tls: pair(certificates, "server")) { issuer in
                try await with(issuer.url, authority: file.path) { server in
                    func change(to text: String) throws {
                        try file.write(text)
                        if signals { server.program.signal(SIGHUP) }
                    }
                    try await eventually("certificate verify failed", server)
                    #expect(try status(server, token) == 503)
                    try change(to: "no certificate")
                    try await eventually("\(authorities) not reloaded", server)
                    #expect(server.program.errors.contains("no certificate in PEM"))
                    try change(to: try text(certificates, "ca", "other-ca"))
                    try await eventually("\(authorities) reloaded", server)
                    try await eventually(200, server, token)
                    try change(to: "")
                    try await IntegrationTests.eventually("it fails again") {
                        server.program.errors.ranges(of: "\(authorities) not reloaded").count == 2
                    }
                    let count = try await fetches(server, "success")
                    server.program.signal(SIGHUP)
                    try await IntegrationTests.eventually("the authorities are still used") {
                        try await fetches(server, "success") > count
                    }
                    #expect(try status(server, token) == 200)
                }
            }
        }
    }

    @Test func `a certificate of another authority is renewed under load`() async throws {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let (oldToken, newToken) = (try await old.token(), try await new.token())
        let port = try FreePort.next()
        try await TestCertificates.with { certificates in
            let file = try RotatedFile(try text(certificates, "ca"))
            let url = "https://localhost:\(port)/jwks.json"
            try await with(url, authority: file.path) { server in
                try await KeySetIssuer.with(
                    [old], tls: pair(certificates, "server"), port: port
                ) { _ in try await eventually(200, server, oldToken) }
                try await TokenLoad.with(server, tokens: [oldToken]) { load in
                    try await KeySetIssuer.with(
                        [old, new], tls: pair(certificates, "stranger"), port: port
                    ) { _ in
                        // The token asks for the new set, of a host that nobody vouches for yet.
                        #expect(try status(server, newToken) == 401)
                        try await eventually("certificate verify failed", server)
                        try await load.answers(20)
                        try file.write(try text(certificates, "ca", "other-ca"))
                        try await eventually(200, server, newToken)
                        try await load.use([oldToken, newToken])
                    }
                    #expect(load.refused == [])
                }
            }
        }
    }

    @Test func `an issuer that is gone costs no caller anything, and is found again`() async throws
    {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let (oldToken, newToken) = (try await old.token(), try await new.token())
        let port = try FreePort.next()
        try await TestCertificates.with { certificates in
            let tls = pair(certificates, "server")
            let url = "https://localhost:\(port)/jwks.json"
            try await with(url, authority: certificates.path("ca.pem")) { server in
                try await KeySetIssuer.with([old], tls: tls, port: port) { _ in
                    try await eventually(200, server, oldToken)
                }
                // The server may have been there before the issuer.
                let failures = try await fetches(server, "connection")
                try await TokenLoad.with(server, tokens: [oldToken]) { load in
                    #expect(try status(server, newToken) == 401)
                    try await eventually("the last one stays in use", server)
                    #expect(try await fetches(server, "connection") > failures)
                    try await load.answers(20)
                    try await KeySetIssuer.with([old, new], tls: tls, port: port) { _ in
                        try await eventually(200, server, newToken)
                    }
                    #expect(load.refused == [])
                }
            }
        }
    }
}
