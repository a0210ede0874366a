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
        ["token", "--user-id", "1", "--username", "a", "b"],
        ["token", "--user-id", "9007199254740992", "--username", "a"],
    ])
    func `a wrong command line is refused with a reason`(arguments: [String]) {
        #expect(throws: UsageError.self) { try Command(arguments) }
    }
}
