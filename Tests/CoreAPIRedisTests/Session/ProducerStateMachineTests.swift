import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The states of a producer's connection as a transcript.
@Suite struct ProducerStateMachineTests: ProducerMachineTranscript {
    // MARK: - The login

    @Test func `a login loads the scripts, and then the session opens`() throws {
        var machine = try machine("redis://u:pw@h/3")
        #expect(submit(1, &machine) == .wait)
        #expect(machine.isWanted && !machine.isReady && !machine.isLoggingIn)
        #expect(sent(&machine) == [])
        #expect(
            texts(of: machine.connected(now: start))
                == ["AUTH u pw", "SELECT 3", "SCRIPT LOAD", "SCRIPT LOAD", "SCRIPT LOAD"])
        for _ in 1...2 { #expect(reply(ok, &machine) == "none") }
        for script in call.scripts.dropLast() {
            #expect(reply(text(script.digest), &machine) == "none")
            #expect(machine.isLoggingIn)
            #expect(sent(&machine) == [])
        }
        #expect(reply(text(ProducerScripts.fence.digest), &machine) == "flush")
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["fence -1 1"])
        #expect(submit(2, &machine) == .wait)
        #expect(!machine.isReady)
        #expect(reply(.integer(1), &machine) == "ready")
        #expect(machine.isReady && !machine.isIdle)
        #expect(sent(&machine) == ["2: m1 m2"])
        #expect(reply(.integer(3), &machine) == "1 applied, 2 applied")
        #expect(machine.isIdle)
    }

    @Test func `the session opens after each login, and settles what has no answer`() throws {
        var machine = try open()
        submit(1, &machine)
        submit(2, &machine)
        #expect(sent(&machine) == ["2: m1 m2"])
        #expect(words(machine.lost(.connectionLost, now: start)) == [])
        #expect(!machine.isReady)
        logIn(&machine, at: after(50))
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(3), &machine) == "flush")
        #expect(sent(&machine) == ["fence 3 4"])
        #expect(reply(.integer(4), &machine) == "ready, 1 applied, 2 applied")
        #expect(machine.isIdle)
    }

    @Test func `a connection that ends while the session opens has answered its login`() throws {
        var machine = try machine()
        _ = machine.connected(now: start)
        #expect(machine.isLoggingIn)
        for script in call.scripts { _ = reply(text(script.digest), &machine) }
        #expect(!machine.isLoggingIn && !machine.isReady)
    }

    @Test func `a reply that no login gets ends the attempt, and messages wait`() throws {
        for place in 0..<3 {
            var machine = try machine()
            submit(1, &machine)
            _ = machine.connected(now: start)
            for script in call.scripts.prefix(place) { _ = reply(text(script.digest), &machine) }
            #expect(reply(ok, &machine) == "fail loginReplyUnexpected")
            #expect(words(machine.lost(.loginReplyUnexpected, now: start)) == [])
            #expect(machine.isWanted && machine.deadline == after(5_000))
        }
    }

    @Test(arguments: [
        "WRONGPASS x", "NOAUTH x", "NOPERM x", "ERR DB index is out of range",
    ])
    func `a refused login fails the messages that wait, at once, and is tried again`(
        message: String
    ) throws {
        var machine = try open("redis://:pw@h", replies: 1)
        submit(1, &machine)
        _ = sent(&machine)
        _ = machine.lost(.connectionLost, now: start)
        submit(2, &machine)
        let refused = RedisError.refused(RedisServerError(message: message))
        _ = machine.connected(now: after(50))
        #expect(reply(error(message), &machine) == "fail refused(\(message))")
        #expect(
            words(machine.lost(refused, now: after(50))) == [
                "1 may be executed: refused(\(message))", "2 not executed: refused(\(message))",
            ])
        #expect(machine.isWanted && machine.isIdle)
        submit(3, &machine)
        logIn(&machine, replies: 1, at: after(100))
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(1), &machine) == "flush")
        #expect(sent(&machine) == ["fence 1 3"])
        #expect(reply(.integer(3), &machine) == "ready")
        #expect(sent(&machine) == ["4: m3"])
    }

    @Test(arguments: ["LOADING x", "ERR max number of clients reached", "MASTERDOWN x"])
    func `a login that is refused temporarily keeps the messages waiting`(message: String) throws {
        var machine = try machine()
        submit(1, &machine)
        _ = machine.connected(now: start)
        let refused = RedisError.refused(RedisServerError(message: message))
        #expect(reply(error(message), &machine) == "fail refused(\(message))")
        #expect(words(machine.lost(refused, now: start)) == [])
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == ["1 not executed: refused(\(message))"])
    }

    // MARK: - The session opens

    /// A machine of which Redis refuses the question where the session stands, or the fence.
    private func refused(
        _ message: String, atFence: Bool, _ machine: inout Machine
    ) throws -> [String] {
        logIn(&machine)
        _ = sent(&machine)
        if atFence {
            #expect(reply(opened(-1), &machine) == "flush")
            _ = sent(&machine)
        }
        #expect(reply(error(message), &machine) == "fail server(\(message))")
        return words(machine.lost(serverError(message), now: start))
    }

    @Test(
        arguments: [
            "OOM x", "NOPERM x", "WRONGTYPE x", "MISCONF x",
            "ERR The user executing the script can't run this command or subcommand",
        ], [false, true])
    func `a Redis that refuses the session fails the messages that wait, at once`(
        message: String, atFence: Bool
    ) throws {
        var machine = try machine()
        submit(1, &machine)
        #expect(
            try refused(message, atFence: atFence, &machine)
                == ["1 not executed: server(\(message))"])
        #expect(machine.isWanted && machine.isIdle && machine.deadline == .never)
        submit(2, &machine)
        #expect(
            try refused(message, atFence: atFence, &machine)
                == ["2 not executed: server(\(message))"])
        submit(3, &machine)
        logIn(&machine)
        #expect(sent(&machine) == ["open"])
    }

    @Test(
        arguments: ["READONLY x", "LOADING x", "NOSCRIPT x", "CLUSTERDOWN x", "NOREPLICAS x"],
        [false, true])
    func `a session that is refused temporarily keeps the messages waiting`(
        message: String, atFence: Bool
    ) throws {
        var machine = try machine()
        submit(1, &machine)
        for _ in 1...3 { #expect(try refused(message, atFence: atFence, &machine) == []) }
        #expect(machine.deadline == after(5_000))
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == ["1 not executed: server(\(message))"])
    }

    @Test func `a refused session or login keeps what is confirmed for the next one`() throws {
        for isLogin in [true, false] {
            var machine = try open()
            submit(1, &machine)
            _ = sent(&machine)
            #expect(reply(.integer(2), &machine) == "1 applied")
            _ = machine.lost(.connectionLost, now: start)
            if isLogin {
                _ = machine.connected(now: start)
                _ = reply(error("NOPERM x"), &machine)
                _ = machine.lost(.refused(RedisServerError(message: "NOPERM x")), now: start)
            } else {
                _ = try refused("OOM x", atFence: false, &machine)
            }
            logIn(&machine)
            _ = sent(&machine)
            #expect(reply(opened(-1, "B"), &machine) == "flush")
            #expect(sent(&machine) == ["fence -1 3"])
            #expect(reply(.integer(3), &machine) == "ready")
            #expect(sent(&machine) == ["4: m1"])
        }
    }

    @Test func `a refusal over an open session is told to its messages alone`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        #expect(submit(2, &machine) == .flush)
        #expect(
            reply(.array([.integer(1), text("OOM x")]), &machine) == "1 not executed: server(OOM x)"
        )
        #expect(machine.isReady)
        #expect(sent(&machine) == ["2: m2"])
        #expect(reply(.integer(2), &machine) == "2 applied")
    }

    @Test func `an error that ends an open connection keeps the messages waiting`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        #expect(reply(error("READONLY x"), &machine) == "fail server(READONLY x)")
        #expect(words(machine.lost(serverError("READONLY x"), now: start)) == [])
        #expect(machine.deadline == after(5_000))
    }

    // MARK: - Barriers

    @Test func `the end of a barrier asks for a flush if the next one waits`() throws {
        var machine = try open(barrier: .replicas(1))
        submit(1, &machine)
        #expect(sent(&machine) == ["2: m1", "WAIT"])
        #expect(reply(.integer(2), &machine) == "none")
        submit(2, &machine)
        #expect(sent(&machine) == ["3: m2"])
        guard case .resolveAll(let first) = machine.received(.integer(1), now: start) else {
            Issue.record("no flush")
            return
        }
        #expect(words(first) == ["1 applied"])
        #expect(sent(&machine) == ["WAIT"])
        #expect(reply(.integer(3), &machine) == "none")
        guard case .resolve(let second) = machine.received(.integer(1), now: start) else {
            Issue.record("a flush of nothing")
            return
        }
        #expect(words([second]) == ["2 applied"])
        #expect(machine.isIdle)
    }

    // MARK: - Losses

    @Test func `what was to be sent again is named when the connection is closed`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        _ = reply(.integer(2), &machine)
        _ = machine.lost(.connectionLost, now: start)
        logIn(&machine)
        _ = sent(&machine)
        _ = reply(opened(1, "B"), &machine)
        _ = sent(&machine)
        _ = reply(.integer(3), &machine)
        _ = machine.takeLosses()
        #expect(machine.close().isEmpty)
        #expect(machine.takeLosses() == ProducerLosses(givenUp: [GivenUpMessage("m1", .closed)]))
    }

    @Test func `what is lost is told once`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        _ = reply(.integer(2), &machine)
        _ = machine.lost(.connectionLost, now: start)
        #expect(!machine.hasLosses)
        logIn(&machine)
        _ = sent(&machine)
        _ = reply(opened(1, "B"), &machine)
        _ = sent(&machine)
        #expect(reply(.integer(3), &machine) == "ready")
        #expect(machine.hasLosses)
        let lost = LostConfirmations(
            numbers: 2...2, count: 1, isSameRun: false, replayed: ["m1"])
        #expect(machine.takeLosses() == ProducerLosses(lost: lost))
        #expect(!machine.hasLosses && machine.takeLosses() == ProducerLosses())
        #expect(sent(&machine) == ["4: m1"])
        // It has been kept for as long as it may be.
        let refusal = RedisReply.array([.integer(3), text("OOM x")])
        #expect(reply(refusal, &machine, at: after(30_000)) == "flush")
        #expect(machine.hasLosses)
        #expect(machine.takeLosses() == ProducerLosses(givenUp: [GivenUpMessage("m1", .refused)]))
        #expect(!machine.hasLosses)
    }

    @Test func `foreign content at the session's key is told once, and the fence replaces it`()
        throws
    {
        var machine = try machine()
        logIn(&machine)
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(-2), &machine) == "flush")
        #expect(sent(&machine) == ["fence -2 1"])
        #expect(reply(.integer(1), &machine) == "ready")
        #expect(machine.takeLosses() == ProducerLosses(replacedKey: "session"))
        #expect(!machine.hasLosses)
    }

    // MARK: - The password

    @Test func `no error tells the URL's password`() throws {
        let url = "redis://:hunter2@h"
        var machine = try machine(url)
        _ = machine.connected(now: start)
        #expect(reply(error("ERR no hunter2"), &machine) == "fail refused(ERR)")
        _ = machine.lost(.connectionLost, now: start)
        for atFence in [false, true] {
            logIn(&machine, replies: 1)
            _ = sent(&machine)
            if atFence { _ = reply(opened(-1), &machine) }
            _ = sent(&machine)
            #expect(reply(error("NOPERM hunter2"), &machine) == "fail server(NOPERM)")
            _ = machine.lost(.connectionLost, now: start)
        }
        machine = try open(url, replies: 1)
        submit(1, &machine)
        _ = sent(&machine)
        #expect(reply(error("OOM hunter2"), &machine) == "1 not executed: server(OOM)")
        submit(2, &machine)
        submit(3, &machine)
        #expect(sent(&machine) == ["2: m2 m3"])
        #expect(
            reply(.array([.integer(2), text("WRONGTYPE hunter2")]), &machine)
                == "3 not executed: server(WRONGTYPE), 2 applied")
        submit(4, &machine)
        _ = sent(&machine)
        #expect(reply(error("READONLY hunter2"), &machine) == "fail server(READONLY)")
    }
}
