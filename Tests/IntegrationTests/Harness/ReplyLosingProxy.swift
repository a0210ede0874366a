import Foundation
import Testing

/// `reply-losing-proxy.py`: Redis executes a script, but the reply is lost.
final class ReplyLosingProxy: Sendable {
    let port: UInt16
    private let program: Program
    private let switchFile: URL

    /// Runs the body with a proxy before this Redis, and ends it.
    static func with(
        _ redis: RedisServer, _ body: (ReplyLosingProxy) async throws -> Void
    ) async throws {
        let switchFile = FileManager.default.temporaryDirectory
            .appending(path: "core-api-switch-\(UUID().uuidString)")
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/reply-losing-proxy.py")
        let program = try Program("python3", [script.path, "\(redis.port)", switchFile.path])
        defer {
            program.signal(SIGKILL)
            try? FileManager.default.removeItem(at: switchFile)
        }
        try await eventually("there is a port") { program.output.hasPrefix("port ") }
        let words = program.output.split { $0 == " " || $0 == "\n" }
        let port = try #require(words.count > 1 ? UInt16(words[1]) : nil)
        try await body(ReplyLosingProxy(port: port, program: program, switchFile: switchFile))
    }

    private init(port: UInt16, program: Program, switchFile: URL) {
        self.port = port
        self.program = program
        self.switchFile = switchFile
    }

    var url: String { "redis://127.0.0.1:\(port)" }

    /// How many replies were lost.
    var cutCount: Int { program.output.split(separator: "\n").count { $0 == "cut" } }

    /// Loses the next reply alone.
    func loseOnce() throws { try Data("once".utf8).write(to: switchFile, options: .atomic) }

    /// Loses every reply until `passOn`.
    func loseAll() throws { try Data("all".utf8).write(to: switchFile, options: .atomic) }

    func passOn() throws { try FileManager.default.removeItem(at: switchFile) }
}
