import Foundation
import Testing

/// The certificates for an `https://` collector: they change while the server runs.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpanCollectorTLSTests {
    private func text(_ certificates: TestCertificates, _ name: String) throws -> String {
        try String(contentsOfFile: certificates.path(name), encoding: .utf8)
    }

    @Test(arguments: [false, true])
    func `files that change are read again, and broken ones leave those in use`(
        signals: Bool
    ) async throws {
        try await TestCertificates.with { certificates in
            try await certificates.make("renewed", "extendedKeyUsage=clientAuth")
            let authority = try RotatedFile(try text(certificates, "other-ca.pem"))
            let certificate = try RotatedFile(try text(certificates, "client.pem"))
            let key = try RotatedFile(try text(certificates, "client.key"))
            try await SpanCollector.with(tls: certificates) { collector in
                let environment = [
                    "QUEUE": "memory",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://localhost:\(collector.port)",
                    "OTEL_EXPORTER_OTLP_CERTIFICATE": authority.path,
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certificate.path,
                    "OTEL_EXPORTER_OTLP_CLIENT_KEY": key.path,
                ]
                try await APIServer.with(environment) { server in
                    func logs(_ words: String, times: Int = 1) async throws {
                        if signals { server.program.signal(SIGHUP) }
                        try await eventually("the log has: \(words)") {
                            server.program.errors.ranges(
                                of: "\"certificates of the collector \(words)"
                            ).count >= times
                        }
                    }
                    #expect(try server.post(APIServer.body()).status == 200)
                    try await eventually("nobody vouches for the collector") {
                        server.program.errors.contains("certificate verify failed")
                    }
                    try authority.write("no certificate")
                    try await logs("not reloaded")
                    #expect(collector.exports.isEmpty)
                    /// Spans arrive; those that were tried too often before are dropped.
                    func arrive(from client: String) async throws {
                        try await eventually("spans of \(client) arrive") {
                            _ = try server.post(APIServer.body())
                            return collector.exports.last?.client == client
                        }
                    }
                    try authority.write(try text(certificates, "ca.pem"))
                    try await logs("reloaded")
                    try await arrive(from: "client")
                    try certificate.write(try text(certificates, "renewed.pem"))
                    try key.write(try text(certificates, "renewed.key"))
                    try await logs("reloaded", times: 2)
                    try await arrive(from: "renewed")
                }
            }
        }
    }
}
