import Foundation
import Testing

/// The server under `service-manager.py`, which holds its socket, and starts it again when it ends.
final class ServiceManagerProgram: Sendable {
    let port: UInt16
    private let program: Program

    /// Runs the body while the manager runs, and ends both in order.
    static func with(
        _ environment: [String: String], _ body: (ServiceManagerProgram) async throws -> Void
    ) async throws {
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/service-manager.py")
        var all = ["JWT_SECRET": APIServer.secret, "LOG_FORMAT": "json", "HTTP_PORT": "1"]
        all.merge(environment) { $1 }
        let program = try Program(
            "python3", [script.path, Program.built("core-api")], environment: all)
        let result: Result<Void, any Error>
        do {
            try await eventually("there is a port") { words("port", program).count == 1 }
            let port = try #require(words("port", program).first.flatMap { UInt16($0) })
            result = .success(
                try await body(ServiceManagerProgram(port: port, program: program)))
        } catch { result = .failure(error) }
        program.signal(SIGTERM)
        let status = try await program.status()
        try result.get()
        #expect(status == 0, "\(program.output) \(program.errors)")
    }

    private init(port: UInt16, program: Program) {
        self.port = port
        self.program = program
    }

    /// The notifications that the server has sent, over all its starts.
    var notices: [String] { ServiceManagerProgram.words("notice", program) }

    /// The server's log lines, over all its starts.
    var log: String { program.errors }

    /// Ends the server in order; returns once the manager has started the next one, which is ready.
    func restart() async throws {
        let started = ServiceManagerProgram.words("pid", program)
        let ready = notices.count { $0 == "READY=1" }
        kill(try #require(started.last.flatMap { Int32($0) }), SIGTERM)
        try await eventually("the next one is ready") {
            self.notices.count { $0 == "READY=1" } > ready
        }
    }

    fileprivate static func words(_ kind: String, _ program: Program) -> [String] {
        program.output.split(separator: "\n").compactMap { line in
            line.hasPrefix("\(kind) ") ? String(line.dropFirst(kind.count + 1)) : nil
        }
    }
}
