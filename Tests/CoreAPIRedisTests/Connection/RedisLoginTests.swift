import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The expected replies of a login, and the parts of Redis's error texts that are shown.
@Suite struct RedisLoginTests: RedisTranscript {
    private let script = RedisScript("return 1", keys: 0, arguments: 0)

    private func loggingIn(_ url: String) throws -> Machine {
        var machine = Machine(
            url: try RedisURL(url), limits: RedisLimits(), scripts: [script], now: start)
        _ = machine.connected(now: start)
        return machine
    }

    @Test func `a login is over once each command has its right reply`() throws {
        var machine = try loggingIn("redis://u:secret@h/3")
        #expect(reply(ok, &machine) == "none")
        #expect(reply(ok, &machine) == "none")
        #expect(reply(.bulk(Array(script.digest.utf8)), &machine) == "ready")
        #expect(machine.isReady)
    }

    @Test(
        arguments: [
            .status(Array("PONG".utf8)), .status([]), .bulk(Array("OK".utf8)), .integer(1), .null,
            .array([]), .array([.status(Array("OK".utf8))]), .integer(.min),
            // The client's own bytes, as from a socket that is connected to itself.
            .array([.bulk(Array("SCRIPT".utf8)), .bulk(Array("LOAD".utf8))]),
            .bulk(Array("e0e1f9fabfc9d4800c877a703b823ac0578ff8dc".utf8)),
        ] as [RedisReply])
    func `any other reply ends the attempt, and another one follows`(wrong: RedisReply) throws {
        for place in 0..<3 {
            var machine = try loggingIn("redis://:secret@h/3")
            _ = submit(1, &machine)
            for _ in 0..<min(place, 2) { #expect(reply(ok, &machine) == "none") }
            if place == 2, wrong == .bulk(Array(script.digest.utf8)) { continue }
            #expect(reply(wrong, &machine) == "fail loginReplyUnexpected")
            #expect(words(machine.lost(.loginReplyUnexpected, now: start)) == "")
            #expect(machine.isWanted && !machine.isReady)
            #expect(machine.deadline == after(5_000), "the command waits for the next attempt")
        }
    }

    // MARK: - The role

    @Test func `a server that sentinels name has to say that it is a master`() throws {
        let role = RedisReply.bulk(Array("master".utf8))
        let url = "redis-sentinel://u:p@h/3?master=m"
        var machine = Machine(url: try RedisURL(url), limits: RedisLimits(), now: start)
        let login = String(decoding: machine.connected(now: start), as: UTF8.self)
        let words = login.split(separator: "\r\n").filter { $0.allSatisfy(\.isLetter) }
        #expect(words.filter { $0.allSatisfy(\.isUppercase) } == ["AUTH", "ROLE", "SELECT"])
        #expect(reply(ok, &machine) == "none")
        #expect(reply(.array([role, .integer(7), .array([])]), &machine) == "none")
        #expect(reply(ok, &machine) == "ready")
    }

    @Test(
        arguments: [
            (.array([.bulk(Array("slave".utf8)), .integer(1)]), "notMaster"),
            (.array([.bulk(Array("sentinel".utf8))]), "notMaster"),
            (.array([]), "loginReplyUnexpected"), (.array([.integer(1)]), "loginReplyUnexpected"),
            (.status(Array("master".utf8)), "loginReplyUnexpected"),
            (.null, "loginReplyUnexpected"),
            (
                .error(RedisServerError(message: "NOPERM User u may not run 'role'")),
                "refused(NOPERM User u may not run 'role')"
            ),
        ] as [(RedisReply, String)])
    func `any other role ends the attempt`(wrong: RedisReply, error: String) throws {
        var machine = Machine(
            url: try RedisURL("redis-sentinel://h?master=m"), limits: RedisLimits(), now: start)
        _ = machine.connected(now: start)
        _ = submit(1, &machine)
        #expect(reply(wrong, &machine) == "fail \(error)")
        #expect(words(machine.lost(.notMaster, now: start)) == "", "another attempt follows")
    }

    @Test(arguments: [
        ("READONLY You can't write against a read only replica.", true),
        ("MASTERDOWN Link with MASTER is down", true),
        ("UNBLOCKED force unblock from blocking operation", true),
        ("ERR WAIT cannot be used with replica instances.", true),
        ("ERR Error running script: @user_script:1: -READONLY no", true),
        ("NOREPLICAS Not enough good replicas to write.", true),
        ("LOADING Redis is loading", false), ("OOM command not allowed", false),
    ])
    func `some errors show that another server may be the master`(
        message: String, isDoubtful: Bool
    ) {
        let error = RedisServerError(message: message)
        #expect(RedisError.server(error).castsDoubtOnMaster == isDoubtful)
        #expect(!isDoubtful || error.isPassing, "the command is sent again, to another server")
    }

    // MARK: - Redis's error texts

    @Test(
        arguments: [
            ("redis://h/16", "ERR DB index is out of range", nil),
            (
                "redis://:pw@h",
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?", nil
            ),
            (
                "redis://:password@h",
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?", nil
            ),
            (
                "redis://x:pw@h", "NOPERM User x has no permissions to run the 'evalsha' command",
                nil
            ),
            ("redis://:i@h", "WRONGPASS invalid username-password pair or user is disabled.", nil),
            ("redis://:hunter2@h", "ERR no hunter2 here", "ERR"),
            ("redis://:hunter2-and-more@h", "ERR no hunter2-an", "ERR"),
            ("redis://hunter2@h", "NOPERM User hunter2 may not", "NOPERM"),
            (
                "redis://:hunter2@h", "ERR unknown command 'AUTH', with args beginning with: 'hun",
                "ERR unknown command 'AUTH', with args …"
            ),
            (
                "redis://h", "ERR unknown command 'EVALSHA', with args beginning with: 'a' 'key'",
                "ERR unknown command 'EVALSHA', with args …"
            ),
        ] as [(String, String, String?)])
    func `an error text is kept, except for parts that may contain the password`(
        url: String, message: String, told: String?
    ) throws {
        let error = RedisServerError(message: message)
        let shown = RedisSecrets(try RedisURL(url)).stripped(error)
        #expect(shown.description == told ?? message)
        #expect(shown.kind == error.kind)
        var machine = try loggingIn(url)
        #expect(reply(.error(error), &machine) == "fail refused(\(told ?? message))")
    }

    @Test func `a command's refusal does not tell the password either`() throws {
        var machine = Machine(
            url: try RedisURL("redis://:hunter2@h"), limits: RedisLimits(), now: start)
        _ = machine.connected(now: start)
        #expect(reply(ok, &machine) == "ready")
        _ = submit(1, &machine)
        _ = try send(&machine)
        let error = RedisServerError(message: "OOM for hunter2")
        #expect(reply(.error(error), &machine) == "1 not executed: server(OOM)")
    }

    @Test func `a logged error text is bounded and has no control characters`() {
        let message = "ERR a\u{1B}[2J\nb\u{202E}c\u{9B}d\u{7F}"
        #expect(
            RedisServerError(message: message).description
                == "ERR a\\u{1b}[2J\\u{a}b\\u{202e}c\\u{9b}d\\u{7f}")
        let long = RedisServerError(message: "ERR " + String(repeating: "x", count: 100_000))
        #expect(long.description == "ERR " + String(repeating: "x", count: 396) + "…")
    }

    // MARK: - On demand

    private func onDemand() throws -> Machine {
        Machine(
            url: try RedisURL("redis://h"), limits: RedisLimits(), isOnDemand: true, now: start)
    }

    @Test func `a connection on demand is opened for a command`() throws {
        var machine = try onDemand()
        #expect(!machine.isWanted)
        #expect(machine.deadline == .never)
        #expect(submit(1, &machine) == "wait")
        #expect(machine.isWanted)
        _ = machine.connected(now: start)
        #expect(try send(&machine) == echo(1))
        #expect(reply(ok, &machine) == "1 done")
    }

    @Test func `a connection on demand sends nothing again, and rests after a break`() throws {
        var machine = try onDemand()
        _ = machine.connected(now: start)
        _ = submit(1, &machine)
        #expect(try send(&machine) == echo(1))
        _ = submit(2, &machine)
        #expect(
            words(machine.lost(.connectionLost, now: start))
                == "1 may be executed: connectionLost, 2 not executed: connectionLost")
        #expect(!machine.isWanted)
        #expect(machine.deadline == .never)
        #expect(submit(3, &machine) == "wait")
        #expect(machine.isWanted)
        _ = machine.connected(now: after(50))
        #expect(try send(&machine) == echo(3))
    }
}
