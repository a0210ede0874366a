import Foundation
import Testing

/// `reply-losing-proxy.py`: loses replies of scripts, leads to another Redis, and keeps copies of
/// what clients send.
final class ReplyLosingProxy: Sendable {
    let port: UInt16
    private let program: Program
    private let folder: URL

    /// Runs the body with a proxy before this Redis, and ends it.
    static func with(
        _ redis: RedisServer, _ body: (ReplyLosingProxy) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-proxy-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/reply-losing-proxy.py")
        let program = try Program("python3", [script.path, "\(redis.port)", folder.path])
        defer {
            program.signal(SIGKILL)
            try? FileManager.default.removeItem(at: folder)
        }
        try await eventually("there is a port") { program.output.hasPrefix("port ") }
        let words = program.output.split { $0 == " " || $0 == "\n" }
        let port = try #require(words.count > 1 ? UInt16(words[1]) : nil)
        try await body(ReplyLosingProxy(port: port, program: program, folder: folder))
    }

    private init(port: UInt16, program: Program, folder: URL) {
        self.port = port
        self.program = program
        self.folder = folder
    }

    var url: String { "redis://127.0.0.1:\(port)" }

    /// How many replies were lost.
    var cutCount: Int { program.output.split(separator: "\n").count { $0 == "cut" } }

    /// Loses the next reply alone.
    func loseOnce() throws { try write("once", to: "lose") }

    /// Loses every reply until `passOn`.
    func loseAll() throws { try write("all", to: "lose") }

    func passOn() throws {
        try FileManager.default.removeItem(at: folder.appending(path: "lose"))
    }

    /// Leads new connections to another Redis.
    func lead(to redis: RedisServer) throws { try write("\(redis.port)", to: "port") }

    /// Keeps a copy of what clients send from now on.
    func startCopying() throws { try write("", to: "copy") }

    /// What clients have sent since.
    func copy() throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: "copy")))
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: name), options: .atomic)
    }
}
