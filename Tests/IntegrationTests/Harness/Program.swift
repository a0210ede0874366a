import ChildProcess
import Foundation
import Testing

/// A program that a test runs: started, watched, and ended with the test.
final class Program: Sendable {
    private let process: ChildProcess
    private let directory: URL

    /// The variables that a program gets besides its own: the sanitizers' options among them.
    private static let inherited = ["PATH", "HOME", "TSAN_OPTIONS", "ASAN_OPTIONS"]

    /// Where this package lies.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The `core-api` binary of this build.
    static func built(_ name: String) -> String {
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: name).path
    }

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: absolute, or a name to be found in `PATH`.
    ///   - environment: added to those that are inherited.
    init(_ path: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        directory = FileManager.default.temporaryDirectory
            .appending(path: "core-api-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var all = environment
        for name in Program.inherited { all[name] = ProcessInfo.processInfo.environment[name] }
        process = try ChildProcess(
            [path] + arguments, environment: all,
            output: (directory.appending(path: "out").path, directory.appending(path: "error").path)
        )
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    var identifier: Int32 { process.identifier }
    var isRunning: Bool { process.isRunning }
    var output: String { text("out") }
    var errors: String { text("error") }

    /// The kernel's state of the process, for the message of a failure.
    var state: String {
        ["comm", "wchan", "syscall"].map { name in
            (try? String(contentsOfFile: "/proc/\(identifier)/\(name)", encoding: .utf8)) ?? "-"
        }.joined(separator: " ").split(separator: "\n").joined()
    }

    func signal(_ signal: Int32) { process.signal(signal) }

    /// The exit status, once the program has ended by itself.
    func status(withinSeconds seconds: Int = 60) async throws -> Int32 {
        try await eventually("a program ends", withinSeconds: seconds) { !self.isRunning }
        return try #require(process.status)
    }

    /// Runs a program to its end.
    static func run(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = [:],
        withinSeconds seconds: Int = 120
    ) async throws -> (status: Int32, output: String, errors: String) {
        let program = try Program(path, arguments, environment: environment)
        let status = try await program.status(withinSeconds: seconds)
        return (status, program.output, program.errors)
    }

    private func text(_ name: String) -> String {
        let data = try? Data(contentsOf: directory.appending(path: name))
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}

/// Something that a test waited for did not come.
struct TooLate: Error {
    let what: String
}

/// Asks again and again until the condition holds; throws after the deadline, which is generous,
/// since it only matters where something is wrong.
func eventually(
    _ what: String, withinSeconds seconds: Int = 60, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TooLate(what: what) }
        try await Task.sleep(for: .milliseconds(10))
    }
}
