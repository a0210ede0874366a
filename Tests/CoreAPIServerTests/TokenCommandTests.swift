import CoreAPIKit
import Foundation
import TestKeys
import Testing

@testable import CoreAPIBase
@testable import CoreAPIServer

/// `core-api token` and `core-api keys`.
@Suite struct TokenCommandTests {
    private let now = UnixTime(seconds: 1_700_000_000)
    private static let secret = "a secret of tests, of 32 or more bytes"

    private func run(
        _ environment: [String: String], _ more: [String] = []
    ) throws -> TokenCommand.Answer {
        let arguments = ["token", "--user-id", "7", "--username", "alice"] + more
        guard case .token(let token) = try Command(arguments) else {
            throw UsageError(reason: "another command")
        }
        let values = EnvironmentReader { environment[$0].map { Array($0.utf8) } }
        return try TokenCommand.run(token, values, now: now)
    }

    /// What the server with the environment says to the token.
    private func claims(_ token: String, _ environment: [String: String]) throws -> TokenClaims {
        let values = EnvironmentReader { environment[$0].map { Array($0.utf8) } }
        let verifier = try HMACTokenVerifier(
            secret: TokenCommandTests.secret, policy: try values.tokenPolicy())
        return try verifier.verify(Array(token.utf8).span, at: now)
    }

    @Test(
        arguments: [
            [:], ["JWT_AUDIENCE": "core-api"], ["JWT_ISSUER": "https://auth.example"],
            ["JWT_AUDIENCE": "a \" b", "JWT_ISSUER": "é", "JWT_MAX_LIFETIME_SECONDS": "10"],
        ] as [[String: String]])
    func `a server with the same environment accepts the token`(more: [String: String]) throws {
        let environment = more.merging(["JWT_SECRET": TokenCommandTests.secret]) { $1 }
        let answer = try run(environment)
        #expect(answer.warnings == [])
        #expect(try claims(answer.token, environment).userID == 7)
    }

    @Test func `a lifetime beyond the maximum is a warning where it is asked for`() throws {
        let environment = [
            "JWT_SECRET": TokenCommandTests.secret, "JWT_MAX_LIFETIME_SECONDS": "10",
        ]
        #expect(try run(environment, ["--ttl-seconds", "10"]).warnings == [])
        let answer = try run(environment, ["--ttl-seconds", "11"])
        #expect(answer.warnings.count == 1)
        #expect(answer.warnings.first?.contains("JWT_MAX_LIFETIME_SECONDS") == true)
        #expect(throws: TokenError.claimInvalid(.lifetime)) {
            try claims(answer.token, environment)
        }
    }

    @Test func `a secret that verifies no token is a warning`() throws {
        let environment = [
            "JWT_SECRET": TokenCommandTests.secret, "JWT_JWKS_URL": "https://auth.example/keys",
            "JWT_ALGORITHMS": "ES256",
        ]
        #expect(
            try run(environment).warnings == [
                "JWT_ALGORITHMS lacks HS256: the secret verifies no token"
            ])
    }

    @Test func `without a secret the error says what signs a token`() throws {
        let environment = ["JWT_JWKS_URL": "https://auth.example/keys"]
        do {
            _ = try run(environment)
            Issue.record("there is a token")
        } catch let error as ConfigurationError {
            #expect("\(error)".hasPrefix("JWT_SECRET is not set: "))
            #expect(error.expectation.contains("--key FILE"))
            #expect(!error.expectation.contains("JWKS"))
        }
    }

    // MARK: - Keys

    /// Runs the body in a folder of its own; `write` returns the path of a file in it.
    private func withFiles(
        _ body: (_ write: (_ name: String, _ text: String) throws -> String) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "core-api-pem-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body { name, text in
            let file = folder.appending(path: name)
            try Data(text.utf8).write(to: file)
            return file.path
        }
    }

    /// The set that the command prints, or why it prints none.
    private func keys(_ arguments: [String]) throws -> Result<JSONWebKeySet, KeyCommands.Failure> {
        guard case .keys(let parsed) = try Command(["keys"] + arguments) else {
            throw UsageError(reason: "another command")
        }
        let text: String
        do { text = try KeyCommands.keySet(parsed) } catch { return .failure(error) }
        return .success(try JSONWebKeySet(parsing: text))
    }

    private func failure(_ arguments: [String]) throws -> String? {
        guard case .failure(let failure) = try keys(arguments) else { return nil }
        #expect(!failure.mayPass)
        return "\(failure.subject): \(failure.reason)"
    }

    @Test func `a set that is printed is one that a server uses whole`() throws {
        try withFiles { write in
            let (a, b) = (
                try write("a.pem", TestKeys.p256), try write("b.pem", TestKeys.ed25519)
            )
            let set = try keys([a, "--kid", "x", b, "--kid", "y", a]).get()
            #expect(set.count == 3 && set.unusedKeys == [])
            let two = try write("two.pem", TestKeys.p256 + "\n" + TestKeys.ed25519 + "\n")
            #expect(
                try failure([a, two])
                    == "\(two): it has more than one key: give each a file of its own")
            #expect(try failure([a, b, a])?.contains("is that of the key of \(a)") == true)
            #expect(
                try failure(["--kid", "x", a, "--kid", "x", b])?
                    .hasPrefix("\(b): the kid of its key, x, is that of the key of \(a)") == true)
            let many = (0..<100).flatMap { ["--kid", "\($0)", a] }
            #expect(try keys(many).get().count == 100)
            #expect(
                try failure(many + [b])
                    == "the set of these keys: it has more than 100 keys")
        }
    }
}
