import ChildProcess
import CoreAPIBase
import CoreAPIRedis
import Foundation
import Logging
import Testing

/// A sentinel of a test's own, on a free port, that can be stopped and started again.
final class SentinelServer: @unchecked Sendable {
    let port: UInt16
    /// The login of `command`: `:password@`, or empty.
    private let login: String
    private let tls: TLSOptions?
    private let directory: URL
    private var program: Program?

    /// - Parameters:
    ///   - configuration: the lines of its file, without `port`, which is written first.
    ///   - login: of a user that may do everything: `:password@`, or empty.
    ///   - tls: nil for a sentinel without TLS.
    init(
        _ configuration: (_ port: UInt16) -> [String], login: String = "",
        tls: TLSOptions? = nil
    ) throws {
        port = try FreePort.next()
        self.login = login
        self.tls = tls
        directory = FileManager.default.temporaryDirectory
            .appending(path: "core-api-sentinel-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let lines = configuration(port) + ["dir \(directory.path)"]
        try Data(lines.joined(separator: "\n").utf8).write(to: file)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private var file: URL { directory.appending(path: "sentinel.conf") }

    /// Starts it, with what it knew before. Returns once it listens.
    func start() async throws {
        let program = try Program("redis-server", [file.path, "--sentinel"])
        self.program = program
        try await eventually("a sentinel listens") {
            guard program.isRunning else { throw TooLate(what: program.output) }
            return (try? RawClient(port: self.port)) != nil
        }
    }

    func kill() {
        program?.signal(SIGKILL)
        program = nil
    }

    /// Lets it hang: the kernel accepts connections, and nothing is answered.
    func pause() { program?.signal(SIGSTOP) }

    func resume() { program?.signal(SIGCONT) }

    func command(_ words: String...) async throws -> RedisReply {
        let scheme = tls == nil ? "redis" : "rediss"
        let connection = try await RedisConnection(
            opening: RedisURL("\(scheme)://\(login)127.0.0.1:\(port)"),
            options: RedisConnection.Options(tls: try tls.map { try TLSContext($0) }),
            logger: Logger(label: "test"))
        defer { connection.close() }
        var command = RedisCommand()
        command.add(words)
        return try await connection.execute(command)
    }

    /// The port of the master that it names; nil if it knows none.
    func masterPort(_ name: String) async throws -> UInt16? {
        let reply = try await command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let digits) = parts[1]
        else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self))
    }
}
