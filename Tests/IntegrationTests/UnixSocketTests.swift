import Foundation
import Testing

/// `HTTP_HOST=unix:/path`: a Unix socket instead of a port.
@Suite(.serialized, .timeLimit(.minutes(10))) struct UnixSocketTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "ca-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.path)
    }

    private func start(_ path: String, _ more: [String: String] = [:]) throws -> Program {
        let environment = [
            "JWT_SECRET": APIServer.secret, "QUEUE": "memory", "LOG_FORMAT": "json",
            "HTTP_HOST": "unix:\(path)", "THREADS": "2", "ACCESS_LOG_LEVEL": "info",
        ]
        return try Program(
            Program.built("core-api"), environment: environment.merging(more) { $1 })
    }

    private func listens(_ program: Program) async throws {
        try await eventually("it listens") {
            program.errors.contains("\"message\":\"listening\"") || !program.isRunning
        }
        try #require(program.isRunning, "\(program.errors)")
    }

    /// What curl gets: the body and the status.
    private func curl(_ path: String, _ arguments: String...) async throws -> String {
        let result = try await Program.run(
            "curl", ["--silent", "--unix-socket", path, "--write-out", " %{http_code}"] + arguments)
        return result.output
    }

    @Test func `curl posts to a Unix socket, whose file is removed at the end`() async throws {
        try await withFolder { folder in
            let path = folder + "/api.sock"
            let server = try start(path)
            try await listens(server)
            #expect(server.errors.contains("\"host\":\"unix:\(path)\""))
            #expect(!server.errors.contains("\"port\""))
            for _ in 0..<8 {
                #expect(
                    try await curl(
                        path, "--json", APIServer.body(), "http://localhost/transaction")
                        == "{\"amount\":100,\"currency\":\"USD\",\"user_id\":1} 200")
            }
            server.signal(SIGTERM)
            #expect(try await server.status() == 0)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `the file of a killed server is replaced, that of a running one is not`()
        async throws
    {
        try await withFolder { folder in
            let path = folder + "/api.sock"
            let killed = try start(path)
            try await listens(killed)
            killed.signal(SIGKILL)
            #expect(try await killed.status() == -1)
            #expect(FileManager.default.fileExists(atPath: path))
            let server = try start(path)
            try await listens(server)
            let second = try start(path)
            #expect(try await second.status() == 1)
            #expect(second.errors.contains("HTTP_HOST unix:\(path)"), "\(second.errors)")
            #expect(try await curl(path, "http://localhost/health/live").hasSuffix(" 200"))
            // Another one has taken the place: its file stays.
            try FileManager.default.removeItem(atPath: path)
            let third = try start(path)
            try await listens(third)
            server.signal(SIGTERM)
            #expect(try await server.status() == 0)
            #expect(try await curl(path, "http://localhost/health/live").hasSuffix(" 200"))
            third.signal(SIGTERM)
            #expect(try await third.status() == 0)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `a file that is no socket stays, and the server does not start`() async throws {
        try await withFolder { folder in
            let path = folder + "/api.sock"
            try Data("kept".utf8).write(to: URL(filePath: path))
            let server = try start(path)
            #expect(try await server.status() == 1)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "kept")
            let nowhere = try start(folder + "/none/api.sock")
            #expect(try await nowhere.status() == 1)
        }
    }

    @Test func `the umask decides who may connect`() async throws {
        try await withFolder { folder in
            let path = folder + "/api.sock"
            let server = try Program(
                "bash", ["-c", "umask 007 && exec '\(Program.built("core-api"))'"],
                environment: [
                    "JWT_SECRET": APIServer.secret, "QUEUE": "memory", "LOG_FORMAT": "json",
                    "HTTP_HOST": "unix:\(path)",
                ])
            try await listens(server)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o770)
            server.signal(SIGTERM)
            #expect(try await server.status() == 0)
        }
    }

    @Test func `metrics have a Unix socket of their own, or that of callers`() async throws {
        try await withFolder { folder in
            let (path, metrics) = (folder + "/api.sock", folder + "/metrics.sock")
            let server = try start(path, ["METRICS_HOST": "unix:\(metrics)"])
            try await listens(server)
            try await eventually("metrics are served") {
                try await curl(metrics, "http://localhost/metrics").contains("core_api_")
            }
            #expect(try await curl(path, "http://localhost/metrics").hasSuffix(" 404"))
            server.signal(SIGTERM)
            #expect(try await server.status() == 0)
            #expect(!FileManager.default.fileExists(atPath: metrics))
            let both = try start(path, ["METRICS_HOST": "unix:\(path)"])
            try await listens(both)
            #expect(try await curl(path, "http://localhost/metrics").contains("core_api_"))
            both.signal(SIGTERM)
            #expect(try await both.status() == 0)
        }
    }
}
