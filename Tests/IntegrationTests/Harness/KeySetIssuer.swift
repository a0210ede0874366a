import Foundation
import Testing

/// `key-set-issuer.py`: publishes a key set as a test wants it.
final class KeySetIssuer: Sendable {
    let port: UInt16
    private let scheme: String
    private let program: Program
    private let folder: URL

    /// Runs the body with an issuer, and ends it.
    ///
    /// - Parameters:
    ///   - keys: the keys that it publishes.
    ///   - tls: the paths of a certificate and its key; nil for `http://`.
    ///   - port: nil for a free one.
    static func with(
        _ keys: [IssuerKey], tls: (certificate: String, key: String)? = nil, port: UInt16? = nil,
        mode: String = "serve", fields: String = "",
        _ body: (KeySetIssuer) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-issuer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try KeySetIssuer.write(mode, to: "mode", folder)
        try KeySetIssuer.write(IssuerKey.keySet(keys), to: "set", folder)
        try KeySetIssuer.write(fields, to: "fields", folder)
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/key-set-issuer.py")
        let files = tls.map { [$0.certificate, $0.key] } ?? []
        let program = try Program(
            "python3", [script.path, folder.path] + files,
            environment: port.map { ["PORT": "\($0)"] } ?? [:])
        defer { program.signal(SIGKILL) }
        try await eventually("there is a port") { program.output.hasPrefix("port ") }
        let words = program.output.split { $0 == " " || $0 == "\n" }
        let number = try #require(words.count > 1 ? UInt16(words[1]) : nil)
        try await body(
            KeySetIssuer(
                port: number, scheme: tls == nil ? "http" : "https", program: program,
                folder: folder))
    }

    private init(port: UInt16, scheme: String, program: Program, folder: URL) {
        self.port = port
        self.scheme = scheme
        self.program = program
        self.folder = folder
    }

    var url: String { url(host: "localhost") }

    func url(host: String) -> String { "\(scheme)://\(host):\(port)/jwks.json" }

    /// Publishes these keys from now on.
    func publish(_ keys: [IssuerKey]) throws { try publish(text: IssuerKey.keySet(keys)) }

    /// Publishes this text from now on.
    func publish(text: String) throws { try KeySetIssuer.write(text, to: "set", folder) }

    /// Answers in this way from now on: see the program.
    func answer(_ mode: String) throws { try KeySetIssuer.write(mode, to: "mode", folder) }

    /// The connections so far: `begin` and `end` of each.
    var events: [String] {
        let text = try? String(contentsOf: folder.appending(path: "requests"), encoding: .utf8)
        return (text ?? "").split(separator: "\n").map(String.init)
    }

    var fetchCount: Int { events.count { $0 == "begin" } }

    /// The last request.
    var request: String {
        (try? String(contentsOf: folder.appending(path: "request"), encoding: .utf8)) ?? ""
    }

    /// Whether there was never more than one connection at a time.
    var isSerial: Bool {
        zip(events, events.dropFirst()).allSatisfy { $0 != $1 }
    }

    private static func write(_ text: String, to name: String, _ folder: URL) throws {
        try Data(text.utf8).write(to: folder.appending(path: name), options: .atomic)
    }
}
