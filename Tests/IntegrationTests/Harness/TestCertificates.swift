import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// Certificates that a test makes with the openssl command, in a folder that ends with it.
final class TestCertificates: Sendable {
    private let directory: URL

    /// Runs the body with an authority (`ca`) and certificates that it has signed: `server` for
    /// localhost and 127.0.0.1, `elsewhere` for another host, `expired`, and `client`; and with a
    /// second authority (`other-ca`) that has signed `stranger`; and `self-signed`, for localhost.
    static func with(_ body: (TestCertificates) async throws -> Void) async throws {
        let certificates = try TestCertificates()
        let here = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        try await certificates.makeAuthority("ca")
        try await certificates.makeAuthority("other-ca")
        try await certificates.make("server", here)
        try await certificates.make("elsewhere", "subjectAltName=DNS:example.org,IP:127.0.0.9")
        try await certificates.make("expired", here, days: "-1")
        try await certificates.make("client", "extendedKeyUsage=clientAuth")
        try await certificates.make("stranger", here, authority: "other-ca")
        try await certificates.makeAuthority("self-signed", "-addext", here)
        try await body(certificates)
    }

    private init() throws {
        directory = FileManager.default.temporaryDirectory
            .appending(path: "core-api-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// The path of a file: `ca.pem`, `client.key`.
    func path(_ name: String) -> String { directory.appending(path: name).path }

    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: directory.appending(path: name))
        return path(name)
    }

    func openssl(_ arguments: String...) async throws { try await openssl(arguments) }

    private func openssl(_ arguments: [String]) async throws {
        let result = try await Program.run("openssl", arguments)
        try #require(result.status == 0, "\(arguments) \(result.errors)")
    }

    private func makeAuthority(_ name: String, _ more: String...) async throws {
        let arguments =
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=\(name)", "-days", "2", "-keyout", path("\(name).key"),
                "-out", path("\(name).pem"),
            ] + more
        try await openssl(arguments)
    }

    /// Makes a certificate and its key.
    ///
    /// - Parameter subject: its CN; nil for the file's name.
    func make(
        _ name: String, _ extensions: String, authority: String = "ca", days: String = "2",
        subject: String? = nil
    ) async throws {
        let configuration = try write(extensions, to: "\(name).cnf")
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=\(subject ?? name)", "-keyout", path("\(name).key"),
            "-out", path("\(name).csr"))
        try await openssl(
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("\(authority).pem"),
            "-CAkey", path("\(authority).key"), "-CAcreateserial", "-days", days,
            "-extfile", configuration, "-out", path("\(name).pem"))
    }

    // MARK: - Their use

    /// The options of a redis-server that also serves TLS, on another port.
    ///
    /// - Parameter asksClients: whether it asks for the client's certificate.
    func serverArguments(
        port: UInt16, certificate: String = "server", asksClients: Bool = false
    ) -> [String] {
        [
            "--tls-port", "\(port)", "--tls-cert-file", path("\(certificate).pem"),
            "--tls-key-file", path("\(certificate).key"), "--tls-ca-cert-file", path("ca.pem"),
            "--tls-auth-clients", asksClients ? "yes" : "no",
        ]
    }

    /// The lines of a sentinel's file by which it speaks nothing but TLS.
    func sentinelConfiguration(port: UInt16) -> [String] {
        [
            "port 0", "tls-port \(port)", "tls-cert-file \(path("server.pem"))",
            "tls-key-file \(path("server.key"))", "tls-ca-cert-file \(path("ca.pem"))",
            "tls-auth-clients no", "tls-replication yes",
        ]
    }

    /// The options of an embedder.
    func options(authority: String = "ca", client: String? = nil) -> TLSOptions {
        TLSOptions(
            authorityFile: path("\(authority).pem"),
            clientCertificate: client.map {
                TLSOptions.ClientCertificate(file: path("\($0).pem"), keyFile: path("\($0).key"))
            })
    }

    /// The same as options of a queue.
    func queueOptions(authority: String = "ca", client: String? = nil) -> QueueOptions {
        var options = QueueOptions()
        options.tls = self.options(authority: authority, client: client)
        return options
    }

    /// The environment of an operator.
    func environment(authority: String = "ca", client: String? = nil) -> [String: String] {
        var environment = ["REDIS_TLS_CA_FILE": path("\(authority).pem")]
        if let client {
            environment["REDIS_TLS_CERT_FILE"] = path("\(client).pem")
            environment["REDIS_TLS_KEY_FILE"] = path("\(client).key")
        }
        return environment
    }
}
