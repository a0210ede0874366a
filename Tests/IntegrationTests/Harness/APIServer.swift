import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// The real binary, on a port of its own.
final class APIServer: @unchecked Sendable {
    static let secret = "a secret for tests, of more than 32 bytes"

    let program: Program
    let port: UInt16

    /// Runs the body with a server, and ends it: in order, if the test has not done so.
    ///
    /// - Parameter shell: commands that a shell runs before it becomes the server: `ulimit -n 40`.
    static func with(
        _ environment: [String: String], after shell: String? = nil,
        _ body: (APIServer) async throws -> Void
    ) async throws {
        let server = try await APIServer(environment, shell)
        try await body(server)
        if server.program.isRunning {
            server.program.signal(SIGTERM)
            #expect(try await server.program.status() == 0)
        }
    }

    private init(_ environment: [String: String], _ shell: String?) async throws {
        var all = ["HTTP_PORT": "0", "LOG_FORMAT": "json"]
        if environment["JWT_SECRET_FILE"] == nil { all["JWT_SECRET"] = APIServer.secret }
        all.merge(environment) { $1 }
        let path = Program.built("core-api")
        let program =
            if let shell {
                try Program("bash", ["-c", "\(shell) && exec '\(path)'"], environment: all)
            } else { try Program(path, environment: all) }
        var port: UInt16?
        do {
            try await eventually("the server listens") {
                port = APIServer.port(in: program.errors, after: "listening")
                return port != nil || !program.isRunning
            }
        } catch {
            throw TooLate(what: "the server does not listen: \(program.state) \(program.errors)")
        }
        self.program = program
        self.port = try #require(port)
    }

    /// The port that the metrics have to themselves.
    func metricsPort() async throws -> UInt16 {
        var port: UInt16?
        try await eventually("the metrics' port is listened on") {
            port = APIServer.port(in: program.errors, after: "listening for scrapes of metrics")
            return port != nil
        }
        return try #require(port)
    }

    private static func port(in log: String, after message: String) -> UInt16? {
        for line in log.split(separator: "\n")
        where line.contains("\"message\":\"\(message)\"") {
            let entry = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            return ((entry as? [String: Any])?["port"] as? String).flatMap { UInt16($0) }
        }
        return nil
    }

    static func token(userID: Int = 1, isEnabled: Bool = true, lifetime: Int64 = 3_600) -> String {
        let now = UnixTime.now().wholeSeconds
        let issuer = try? TokenIssuer(secret: secret)
        return issuer?.issue(
            userID: userID, username: "alice", isEnabled: isEnabled,
            expiresAt: UnixTime(seconds: now + lifetime)) ?? ""
    }

    static func body(amount: Int = 100, currency: String = "USD", token: String? = nil) -> String {
        "{\"amount\":\(amount),\"currency\":\"\(currency)\",\"token\":\"\(token ?? self.token())\"}"
    }

    static func post(_ body: String, fields: String = "") -> String {
        "POST /transaction HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    func get(_ path: String, fields: String = "") throws -> Answer {
        try exchange("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
    }

    func post(_ body: String, fields: String = "") throws -> Answer {
        try exchange(APIServer.post(body, fields: fields))
    }

    /// The first answer to the bytes, over a connection of its own.
    func exchange(_ request: String) throws -> Answer {
        let client = try RawClient(port: port)
        try client.send(request)
        return try client.readAnswer()
    }
}
