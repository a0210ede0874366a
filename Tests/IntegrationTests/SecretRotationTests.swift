import CoreAPIKit
import Foundation
import Testing

/// A secret is replaced while callers post: whatever the way the file changes, no valid token is
/// refused, and an old one is once its secret is gone.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SecretRotationTests {
    private let old = "old: a secret of more than 32 bytes, for tests"
    private let new = "new: a secret of more than 32 bytes, for tests"

    /// The answers of all loops to tokens that the secret has signed.
    private func statuses(_ server: APIServer, _ secret: String) throws -> Set<Int> {
        Set(
            try (0..<32).map { _ in
                try server.post(TokenLoad.body(signedWith: secret)).status
            })
    }

    private func eventually(_ status: Int, _ server: APIServer, _ secret: String) async throws {
        try await IntegrationTests.eventually("\(secret.prefix(3)) is \(status)") {
            try statuses(server, secret) == [status]
        }
    }

    @Test(arguments: SecretFile.Change.allCases)
    func `a secret is replaced under load, and no valid token is refused`(
        change: SecretFile.Change
    ) async throws {
        let file = try SecretFile([old], change)
        try await RedisServer.with { redis in
            let environment = file.environment.merging(
                ["REDIS_URL": redis.url, "QUEUE": "stream:s", "THREADS": "2"]
            ) { $1 }
            try await APIServer.with(environment) { server in
                try await TokenLoad.with(server, signedWith: [old]) { load in
                    #expect(try statuses(server, new) == [401])
                    try await file.write([new, old], server)
                    try await eventually(200, server, new)
                    try await load.sign(with: [new, old])
                    try await load.answers(100)
                    try await load.sign(with: [new])
                    try await file.write([new], server)
                    try await eventually(401, server, old)
                    try await load.answers(100)
                    #expect(load.refused == [])
                }
                let refusal = try server.post(TokenLoad.body(signedWith: old))
                #expect(refusal.body.contains("\"code\":\"token_signature_invalid\""))
                let log = server.program.errors
                #expect(log.ranges(of: "\"message\":\"secrets reloaded\"").count == 2, "\(log)")
                #expect(SecretFile.failures(server) == (change == .inPlace ? 2 : 0), "\(log)")
                for secret in [old, new] { #expect(!log.contains(secret)) }
            }
        }
    }

    @Test func `a file that cannot be used changes nothing, and the log says why`() async throws {
        let file = try SecretFile([old], .rename)
        let environment = file.environment.merging(["QUEUE": "memory"]) { $1 }
        try await APIServer.with(environment) { server in
            let manager = FileManager.default
            for (words, spoil) in [
                ("No such file", {}),
                (
                    "it is not a regular file",
                    {
                        try manager.createDirectory(
                            atPath: file.path, withIntermediateDirectories: false)
                    }
                ),
                ("it has no secret", { try Data("\n".utf8).write(to: URL(filePath: file.path)) }),
                (
                    "more than 65536 bytes",
                    {
                        try Data(count: 65_537).write(to: URL(filePath: file.path))
                    }
                ),
                (
                    "it has 9 secrets, more than 8",
                    {
                        let text = String(repeating: "hunter2 and some more\n", count: 9)
                        try Data(text.utf8).write(to: URL(filePath: file.path))
                    }
                ),
                (
                    "line 2 is no secret: it is a key in PEM",
                    {
                        let text = "\(new)\n-----BEGIN PUBLIC KEY-----\nhunter2\n"
                        try Data(text.utf8).write(to: URL(filePath: file.path))
                    }
                ),
                (
                    "line 3 has fewer than 16 bytes",
                    {
                        try Data("# c\n\(new)\nhunter2".utf8).write(
                            to: URL(filePath: file.path))
                    }
                ),
                (
                    "line 1 is no secret: it is zero bytes alone",
                    { try Data(count: 32).write(to: URL(filePath: file.path)) }
                ),
                (
                    "it has no secret",
                    { try Data(" \t\r\n".utf8).write(to: URL(filePath: file.path)) }
                ),
            ] as [(String, () throws -> Void)] {
                try? manager.removeItem(atPath: file.path)
                try spoil()
                // Logged without a signal, and again after one.
                for count in 1...2 {
                    try await IntegrationTests.eventually("the log says: \(words)") {
                        server.program.errors.ranges(of: words).count >= count
                    }
                    if count == 1 { server.program.signal(SIGHUP) }
                }
                #expect(try statuses(server, old) == [200])
                #expect(try statuses(server, new) == [401])
            }
            try await file.write([new], server)
            try await eventually(200, server, new)
            #expect(!server.program.errors.contains("hunter2"))
        }
    }

    @Test func `a signal is answered in the log, and does no harm without a file`() async throws {
        let file = try SecretFile([old], .rename)
        let cases = [
            (file.environment, "\"message\":\"secrets unchanged\""),
            (["JWT_SECRET": old], "SIGHUP changes nothing: no variable names a file"),
        ]
        for (environment, words) in cases {
            let environment = environment.merging(["QUEUE": "memory"]) { $1 }
            try await APIServer.with(environment) { server in
                for count in 1...2 {
                    server.program.signal(SIGHUP)
                    try await IntegrationTests.eventually("the log says: \(words)") {
                        server.program.errors.ranges(of: words).count == count
                    }
                }
                #expect(try statuses(server, old) == [200])
            }
        }
    }

    @Test func `the token command signs with the newest secret of the file`() async throws {
        let file = try SecretFile([new, old], .rename)
        let result = try await Program.run(
            Program.built("core-api"), ["token", "--user-id", "7", "--username", "alice"],
            environment: file.environment)
        #expect(result.status == 0, "\(result.errors)")
        let token = result.output.split(separator: "\n").joined()
        let claims = try HMACTokenVerifier(secret: new).verify(token, at: .now())
        #expect(claims.userID == 7)
    }

    @Test func `a file's secrets are believed, and nothing else that it has is`() async throws {
        let comment = "# a comment of more than 16 bytes"
        let file = try SecretFile(
            ["\u{FEFF}\(new)\r", " \t", "\r", comment, "\\#\(old)", "\u{A0}"], .rename)
        let environment = file.environment.merging(["QUEUE": "memory"]) { $1 }
        try await APIServer.with(environment) { server in
            for secret in [new, "#\(old)"] {
                let answers = try statuses(server, secret)
                #expect(answers == [200])
            }
            for text in ["\(new)\r", comment, old, "\\#\(old)"] {
                let answers = try statuses(server, text)
                #expect(answers == [401])
            }
            #expect(SecretFile.failures(server) == 0)
            try await file.write([old], server)
            try await eventually(200, server, old)
        }
    }

    @Test func `a file that cannot be used ends the start, with one line and its status`()
        async throws
    {
        let file = try SecretFile([], .rename)
        let key = try SecretFile(["-----BEGIN PUBLIC KEY-----", "hunter2"], .rename)
        for (environment, status, words) in [
            (file.environment, 78, ["JWT_SECRET_FILE", "it has no secret"]),
            (key.environment, 78, ["JWT_SECRET_FILE", "line 1 is no secret", "PEM"]),
            // It may be mounted a moment later.
            (["JWT_SECRET_FILE": file.path + "x"], 1, ["JWT_SECRET_FILE", "No such file"]),
            (
                ["JWT_SECRET_FILE": file.path, "JWT_SECRET": "hunter2"], 78,
                ["JWT_SECRET_FILE", "JWT_SECRET is set too"]
            ),
        ] as [([String: String], Int32, [String])] {
            for arguments in [[], ["token", "--user-id", "7", "--username", "alice"]] {
                let result = try await Program.run(
                    Program.built("core-api"), arguments, environment: environment)
                #expect(result.status == status)
                #expect(result.errors.split(separator: "\n").count == 1)
                for word in words { #expect(result.errors.contains(word), "\(result.errors)") }
                #expect(!result.errors.contains("hunter2"))
            }
        }
    }
}
