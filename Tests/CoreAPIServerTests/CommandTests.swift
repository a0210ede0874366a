import CoreAPIKit
import Testing

@testable import CoreAPIServer

@Suite struct CommandTests {
    @Test func `the command line is read`() throws {
        #expect(try Command([]) == .serve)
        #expect(try Command(["--help"]) == .help)
        #expect(try Command(["token", "--help"]) == .help)
        #expect(try Command(["--version"]) == .version)
        let token = try Command([
            "token", "--ttl-seconds", "60", "--username", "alice", "--user-id", "7", "--disabled",
        ])
        guard case .token(let arguments) = token else {
            Issue.record("\(token)")
            return
        }
        #expect(arguments.userID == 7)
        #expect(arguments.username == "alice")
        #expect(arguments.isEnabled == false)
        #expect(arguments.lifetimeSeconds == 60)
    }

    @Test(arguments: [
        ["--port"], ["serve"], ["--help", "x"], ["--version", "x"], ["token"],
        ["token", "--user-id", "1"],
        ["token", "--user-id", "1", "--username"], ["token", "--user-id", "-1", "--username", "a"],
        ["token", "--user-id", "x", "--username", "a"],
        ["token", "--user-id", "1", "--username", "a", "--user-id", "2"],
        ["token", "--user-id", "1", "--username", "a", "--ttl-seconds", "0"],
        ["token", "--user-id", "1", "--username", "a", "--ttl-seconds", "030"],
        ["token", "--user-id", "+1", "--username", "a"],
        ["token", "--user-id", "01", "--username", "a"],
        ["token", "--user-id", "1", "--username", "a", "b"],
        ["token", "--user-id", "9007199254740992", "--username", "a"],
        ["token", "--user-id", "1", "--username", "a", "--kid", "k"],
        ["token", "--user-id", "1", "--username", "a", "--alg", "ES256"],
        ["token", "--user-id", "1", "--username", "a", "--key"],
        ["token", "--user-id", "1", "--username", "a", "--key", "k", "--alg", "HS256"],
        ["token", "--user-id", "1", "--username", "a", "--key", "k", "--alg", "none"],
        ["keys"], ["keys", "--kid"], ["keys", "--kid", "a"], ["keys", "--kid", "", "f"],
        ["keys", "--all", "f"], ["keys", "--kid", "a", "--kid", "b", "f"],
    ])
    func `a wrong command line is refused with a reason`(arguments: [String]) {
        #expect(throws: UsageError.self) { try Command(arguments) }
    }

    @Test func `a key and its file are read`() throws {
        let arguments = [
            "token", "--user-id", "7", "--username", "a", "--key", "k.pem", "--kid", "1", "--alg",
            "PS384",
        ]
        guard case .token(let token) = try Command(arguments) else {
            Issue.record("another command")
            return
        }
        #expect(token.keyFile == "k.pem" && token.keyID == "1" && token.algorithm == .ps384)
        guard case .keys(let keys) = try Command(["keys", "a", "--kid", "2", "b", "c"]) else {
            Issue.record("another command")
            return
        }
        #expect(
            keys.files == [
                KeysArguments.File(path: "a", keyID: nil),
                KeysArguments.File(path: "b", keyID: "2"),
                KeysArguments.File(path: "c", keyID: nil),
            ])
        #expect(try Command(["keys", "--help"]) == .help)
    }
}
