import Foundation
import Testing

/// `make run`, with a program in the server's place that prints its environment.
@Suite(.timeLimit(.minutes(10))) struct RunScriptTests {
    /// The script's output, and the environment that it gives the server.
    private func run(
        _ environment: [String: String]
    ) async throws -> (said: String, given: [Substring]) {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.appending(path: "core-api-\(UUID().uuidString)")
        defer { try? manager.removeItem(at: folder) }
        for part in ["scripts", ".build/release"] {
            try manager.createDirectory(
                at: folder.appending(path: part), withIntermediateDirectories: true)
        }
        for name in ["run.sh", "redis-url.sh"] {
            try manager.copyItem(
                at: Program.root.appending(path: "scripts/\(name)"),
                to: folder.appending(path: "scripts/\(name)"))
        }
        for (name, text) in [("scripts/build.sh", ""), (".build/release/core-api", "env\n")] {
            let file = folder.appending(path: name)
            try Data("#!/bin/sh\n\(text)".utf8).write(to: file)
            try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file.path)
        }
        let result = try await Program.run(
            folder.appending(path: "scripts/run.sh").path, environment: environment)
        #expect(result.status == 0, "\(result.errors)")
        return (result.errors, result.output.split(separator: "\n"))
    }

    @Test func `with a secret that everybody knows, the server listens on loopback alone`()
        async throws
    {
        let (said, given) = try await run(["QUEUE": "memory"])
        #expect(given.contains("JWT_SECRET=secret"))
        #expect(given.contains("HTTP_HOST=127.0.0.1"))
        #expect(said.contains("WARNING: JWT_SECRET is not set"))
        let chosen = try await run(["QUEUE": "memory", "HTTP_HOST": "::1"])
        #expect(chosen.given.contains("HTTP_HOST=::1"))
    }

    @Test(arguments: [
        ["JWT_SECRET": "s"], ["JWT_SECRET_FILE": "/s"], ["JWT_JWKS_FILE": "/k"],
        ["JWT_JWKS_URL": "https://auth.example/"],
    ])
    func `with a secret or keys that are given, the server listens where it does by itself`(
        secret: [String: String]
    ) async throws {
        let (said, given) = try await run(secret.merging(["QUEUE": "memory"]) { $1 })
        #expect(!given.contains { $0.hasPrefix("HTTP_HOST=") })
        #expect(!given.contains("JWT_SECRET=secret"))
        #expect(!said.contains("WARNING"))
    }

    @Test(arguments: [
        "redis://:hunter2@127.0.0.1:1", "redis://hunter2@127.0.0.1:1",
        "redis://:hunter2/x@127.0.0.1:1", "redis://hunter2/x@127.0.0.1:1",
        "redis://user:hunter2", "redis://127.0.0.1:1?username=hunter2",
    ])
    func `no part of a URL that may be a password is shown`(url: String) async throws {
        let said = try await run(["JWT_SECRET": "s", "REDIS_URL": url]).said
        #expect(said.contains("Redis does not answer at"))
        #expect(!said.contains("hunter2"), "\(said)")
    }

    @Test func `a console for trials has a password of its own, on loopback alone`() async throws {
        let (said, given) = try await run(["JWT_SECRET": "s", "QUEUE": "memory"])
        #expect(given.contains("METRICS_PORT=5001"))
        #expect(given.contains("METRICS_HOST=127.0.0.1"))
        let file = try #require(given.first { $0.hasPrefix("CONSOLE_PASSWORD_FILE=/") })
        #expect(file.hasSuffix("/.run/console-password"))
        let mark = "the console: http://operator:"
        let address = try #require(said.components(separatedBy: mark).last)
        let parts = address.split(separator: "@")
        #expect(parts[0].count == 24)
        #expect(parts[1].hasPrefix("127.0.0.1:5001/console/"))
        let chosen = try await run([
            "JWT_SECRET": "s", "QUEUE": "memory", "METRICS_PORT": "9100", "HTTP_HOST": "::1",
        ])
        #expect(!chosen.given.contains { $0.hasPrefix("METRICS_HOST=") })
        #expect(chosen.said.contains("@[::1]:9100/console/"))
        let socket = try await run([
            "JWT_SECRET": "s", "QUEUE": "memory", "METRICS_HOST": "unix:/run/m.sock",
        ])
        #expect(!socket.given.contains { $0.hasPrefix("METRICS_PORT=") })
        #expect(socket.said.contains("@localhost/console/ at unix:/run/m.sock"))
        let own = try await run([
            "JWT_SECRET": "s", "QUEUE": "memory", "CONSOLE_PASSWORD_FILE": "/own",
        ])
        #expect(!own.said.contains("console") && own.given.contains("CONSOLE_PASSWORD_FILE=/own"))
    }
}
