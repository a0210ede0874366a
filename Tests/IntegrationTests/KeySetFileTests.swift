import CoreAPIKit
import Foundation
import Testing

/// `JWT_JWKS_FILE`: read at the start, and again when it changes.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KeySetFileTests {
    /// A file of keys that is replaced by a rename.
    private final class KeyFile {
        let path: String
        private let folder: URL

        init(_ text: String) throws {
            folder = FileManager.default.temporaryDirectory
                .appending(path: "core-api-keys-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            path = folder.appending(path: "jwks.json").path
            try write(text)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func write(_ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        }
    }

    private func status(_ server: APIServer, _ token: String) throws -> Int {
        try server.post(APIServer.body(token: token)).status
    }

    private func environment(_ path: String) -> [String: String] {
        ["QUEUE": "memory", "JWT_SECRET": "", "JWT_JWKS_FILE": path]
    }

    @Test(arguments: [false, true])
    func `a changed file counts, and a broken one leaves the keys in use`(signals: Bool)
        async throws
    {
        let (old, new) = (try await IssuerKey("old"), try await IssuerKey("new"))
        let (oldToken, newToken) = (try await old.token(), try await new.token())
        let file = try KeyFile(IssuerKey.keySet([old]))
        try await APIServer.with(environment(file.path)) { server in
            #expect(try status(server, oldToken) == 200)
            #expect(try status(server, newToken) == 401)
            try file.write(IssuerKey.keySet([new]))
            if signals { server.program.signal(SIGHUP) }
            try await eventually("the new key counts") { try status(server, newToken) == 200 }
            #expect(try status(server, oldToken) == 401)
            for broken in ["", "{\"keys\":[]}", "not JSON"] {
                let count = failures(server)
                try file.write(broken)
                if signals { server.program.signal(SIGHUP) }
                try await eventually("the log has the failure") { failures(server) > count }
                #expect(try status(server, newToken) == 200)
                try await HealthAnswer.eventually("health warns", server) {
                    $0.status == "warn" && $0.httpStatus == 200
                }
            }
            try file.write(IssuerKey.keySet([old, new]))
            if signals { server.program.signal(SIGHUP) }
            try await eventually("both keys count") { try status(server, oldToken) == 200 }
            #expect(try HealthAnswer(server).status == "pass")
        }
    }

    @Test func `keys that verify no token, or not every one, are named at the start and later`()
        async throws
    {
        let key = try await IssuerKey("a")
        let weak = "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"
        let other = key.jwk.replacing("\"sig\"", with: "\"enc\"")
        let some = "{\"keys\":[\(weak),\(other),\(key.jwk)]}"
        let many = "{\"keys\":[\(Array(repeating: key.jwk, count: 5).joined(separator: ","))]}"
        let file = try KeyFile(some)
        try await APIServer.with(environment(file.path)) { server in
            func count(_ text: String) -> Int { server.program.errors.ranges(of: text).count }
            let unused = "\"message\":\"the key set has keys that verify no token\""
            let untried = "\"message\":\"the key set has more keys of an algorithm"
            #expect(count(unused) == 1 && count(untried) == 0)
            #expect(count("of key 1, its n is not an odd number of 2048 to 8192 bits") == 1)
            #expect(count("\"unused\":\"2\"") == 1)
            #expect(try status(server, await key.token()) == 200)
            try file.write(many)
            server.program.signal(SIGHUP)
            try await eventually("the log has the other warning") { count(untried) == 1 }
            #expect(count("\"algorithms\":\"Ed25519, EdDSA\"") == 1)
            try file.write(some)
            server.program.signal(SIGHUP)
            try await eventually("the log has the first again") { count(unused) == 2 }
            #expect(count(untried) == 1)
        }
    }

    private func failures(_ server: APIServer) -> Int {
        server.program.errors.ranges(of: "\"message\":\"keys not reloaded").count
    }

    // MARK: - The start

    private func start(
        _ environment: [String: String]
    ) async throws -> (status: Int32, errors: String) {
        let all = ["HTTP_PORT": "0", "QUEUE": "memory"].merging(environment) { $1 }
        let result = try await Program.run(Program.built("core-api"), environment: all)
        return (result.status, result.errors)
    }

    @Test func `a configuration that cannot verify a token is one line and status 78`()
        async throws
    {
        let key = try await IssuerKey("a")
        let file = try KeyFile(IssuerKey.keySet([key]))
        let good = file.path
        let (empty, secretKey) = (
            try KeyFile("{\"keys\":[]}"), try KeyFile("{\"keys\":[{\"d\":1}]}")
        )
        let secret = APIServer.secret
        for (environment, words) in [
            ([:], ["JWT_SECRET is not set: give", "JWT_JWKS_FILE", "JWT_JWKS_URL"]),
            (["JWT_JWKS_FILE": empty.path], ["JWT_JWKS_FILE", "no key"]),
            (["JWT_JWKS_FILE": secretKey.path], ["JWT_JWKS_FILE", "private"]),
            (
                ["JWT_JWKS_FILE": good, "JWT_JWKS_URL": "https://a.example"],
                ["JWT_JWKS_FILE", "one of the two"]
            ),
            (["JWT_JWKS_URL": "http://a.example/"], ["JWT_JWKS_URL", "https://"]),
            (
                ["JWT_JWKS_FILE": good, "JWT_JWKS_CA_FILE": "/x"],
                ["JWT_JWKS_CA_FILE", "JWT_JWKS_URL", "is not set", "leave JWT_JWKS_CA_FILE out"]
            ),
            (
                ["JWT_JWKS_URL": "http://localhost:1/", "JWT_JWKS_CA_FILE": "/x"],
                ["JWT_JWKS_CA_FILE", "does not begin with https://"]
            ),
            (
                ["JWT_JWKS_FILE": good, "JWT_JWKS_STALE_SECONDS": "600"],
                ["JWT_JWKS_STALE_SECONDS", "JWT_JWKS_URL", "is not set"]
            ),
            (
                ["JWT_SECRET": secret, "JWT_JWKS_STALE_SECONDS": "600"],
                ["JWT_JWKS_STALE_SECONDS", "JWT_JWKS_URL", "is not set"]
            ),
            (
                ["JWT_SECRET": secret, "JWT_SECRET_FILE": good],
                ["JWT_SECRET_FILE is not usable", "JWT_SECRET is set too", "one of the two"]
            ),
            (
                ["JWT_JWKS_FILE": good, "JWT_JWKS_STALE_SECONDS": "59"],
                ["JWT_JWKS_STALE_SECONDS", "60 to 2592000"]
            ),
            (
                ["JWT_JWKS_FILE": good, "JWT_ALGORITHMS": "HS256"],
                ["JWT_ALGORITHMS", "HS256 needs"]
            ),
            (
                ["JWT_JWKS_FILE": good, "JWT_SECRET": secret, "JWT_ALGORITHMS": "HS256"],
                ["JWT_ALGORITHMS", "key set"]
            ),
            (["JWT_SECRET": secret, "JWT_ALGORITHMS": "RS256"], ["JWT_ALGORITHMS", "key set"]),
            (["JWT_JWKS_FILE": good, "JWT_ALGORITHMS": "RS256"], ["JWT_JWKS_FILE", "no key"]),
            (
                ["JWT_SECRET": secret, "JWT_ALGORITHMS": "none"],
                ["JWT_ALGORITHMS", "out of HS256"]
            ),
            (["JWT_SECRET": secret, "JWT_ALGORITHMS": "HS256,"], ["JWT_ALGORITHMS", "out of"]),
        ] as [([String: String], [String])] {
            let (status, errors) = try await start(environment)
            #expect(status == 78, "\(environment) \(errors)")
            #expect(errors.split(separator: "\n").count == 1, "\(errors)")
            for word in words { #expect(errors.contains(word), "\(errors)") }
        }
    }

    @Test func `a file that is not there may come: it is no status 78`() async throws {
        for path in ["/nonexistent/jwks.json", "/"] {
            let (status, errors) = try await start(["JWT_JWKS_FILE": path])
            #expect(status == 1)
            #expect(errors.contains("JWT_JWKS_FILE"))
        }
    }
}
