import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The states of a connection as a transcript.
@Suite struct RedisConnectionStateMachineTests: RedisTranscript {
    // MARK: - Connecting

    @Test func `without password and database the connection is ready at once`() throws {
        var machine = try machine()
        #expect(machine.isWanted && !machine.isReady)
        #expect(machine.deadline == .never)
        #expect(machine.connected(now: start).isEmpty)
        #expect(machine.isReady && machine.isIdle)
        #expect(machine.deadline == .never)
    }

    @Test(arguments: [
        ("redis://:p@h/3", "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n", 2),
        ("redis://u:p@h", "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n", 1),
        ("redis://h/15", "*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n", 1),
    ])
    func `AUTH and SELECT come before every command`(url: String, login: String, replies: Int)
        throws
    {
        var machine = try machine(url)
        #expect(submit(1, &machine) == "wait")
        #expect(String(decoding: machine.connected(now: start), as: UTF8.self) == login)
        #expect(!machine.isReady)
        #expect(try send(&machine) == "")
        for _ in 1..<replies { #expect(reply(ok, &machine) == "none") }
        #expect(reply(ok, &machine) == "ready")
        #expect(try send(&machine) == echo(1))
    }

    @Test func `scripts are loaded at each login`() throws {
        let script = RedisScript("return 1", keys: 0, arguments: 0)
        var machine = Machine(
            url: try RedisURL("redis://h"), limits: RedisLimits(), scripts: [script], now: start)
        for _ in 1...2 {
            #expect(
                String(decoding: machine.connected(now: start), as: UTF8.self)
                    == "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n")
            #expect(reply(.bulk(Array(script.digest.utf8)), &machine) == "ready")
            _ = machine.lost(.connectionLost, now: start)
        }
    }

    @Test func `a refused login fails the waiting commands at once, and is retried`() throws {
        var machine = try machine("redis://:wrong@h")
        _ = submit(1, &machine)
        _ = machine.connected(now: start)
        let refused = RedisServerError(message: "WRONGPASS no")
        #expect(reply(.error(refused), &machine) == "fail refused(WRONGPASS no)")
        #expect(
            words(machine.lost(.refused(refused), now: start))
                == "1 not executed: refused(WRONGPASS no)")
        #expect(machine.isWanted && machine.deadline == .never)
    }

    @Test func `a login has no deadline besides the attempt's`() throws {
        for url in ["redis://h", "redis://:p@h"] {
            var machine = try machine(url)
            #expect(machine.deadline == .never)
            _ = machine.connected(now: start)
            #expect(machine.isLoggingIn == url.contains("@"))
            #expect(machine.deadline == .never)
            #expect(!machine.deadlineReached(now: after(60_000)).stalls)
        }
    }

    // MARK: - Commands

    @Test func `commands of one turn leave in one write, and are answered in order`() throws {
        var machine = try ready()
        #expect(submit(1, &machine) == "flush")
        #expect(submit(2, &machine) == "flush")
        #expect(submit(3, &machine) == "flush")
        #expect(try send(&machine) == echo(1) + echo(2) + echo(3))
        #expect(try send(&machine) == "")
        #expect(reply(.integer(1), &machine) == "1 done")
        #expect(reply(.null, &machine) == "2 done")
        #expect(reply(ok, &machine) == "3 done")
    }

    @Test func `an error reply fails only its own command`() throws {
        var machine = try ready()
        for number in 1...3 { _ = submit(number, &machine) }
        _ = try send(&machine)
        #expect(reply(.array([.integer(1)]), &machine) == "1 done")
        #expect(
            reply(.error(RedisServerError(message: "OOM x")), &machine)
                == "2 not executed: server(OOM x)")
        #expect(reply(ok, &machine) == "3 done")
    }

    @Test func `an unexpected reply ends the connection`() throws {
        var machine = try ready()
        #expect(reply(ok, &machine) == "fail protocolViolation")
        _ = submit(1, &machine)
        #expect(reply(ok, &machine) == "fail protocolViolation", "the command has not been sent")
    }

    @Test func `so many commands may wait, and so many bytes`() throws {
        var limits = RedisLimits()
        limits.pendingMax = 2
        var few = try machine(limits: limits)
        #expect(submit(1, &few) == "wait")
        #expect(submit(2, &few) == "wait")
        #expect(submit(3, &few) == "reject notExecuted(CoreAPIRedis.RedisError.backlogFull)")
        limits.pendingMax = 100
        limits.backlogBytesMax = echo(1).utf8.count * 3
        var short = try machine(limits: limits)
        for number in 1...3 { #expect(submit(number, &short) == "wait") }
        #expect(submit(4, &short) == "reject notExecuted(CoreAPIRedis.RedisError.backlogFull)")
    }

    // MARK: - The end

    @Test func `closing fails all pending commands, and refuses later ones`() throws {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = try send(&machine)
        _ = submit(2, &machine)
        #expect(words(machine.close()) == "1 may be executed: closed, 2 not executed: closed")
        #expect(submit(3, &machine) == "reject notExecuted(CoreAPIRedis.RedisError.closed)")
        #expect(machine.deadline == .never)
        #expect(words(machine.close()) == "")
    }
}
