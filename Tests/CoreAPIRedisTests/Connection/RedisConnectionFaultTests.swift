import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The outcome of commands when the connection breaks, Redis refuses temporarily, or Redis is
/// silent.
@Suite struct RedisConnectionFaultTests: RedisTranscript {
    // MARK: - Broken connections

    private func reconnect(_ machine: inout Machine, at now: MonotonicTime) {
        _ = machine.connected(now: now)
    }

    @Test func `a command without a reply is sent again over the next connection`() throws {
        var machine = try ready()
        for number in 1...3 { _ = submit(number, &machine) }
        _ = try send(&machine)
        #expect(reply(ok, &machine) == "1 done")
        #expect(words(machine.lost(.connectionLost, now: start)) == "")
        #expect(submit(4, &machine) == "wait")
        reconnect(&machine, at: after(50))
        #expect(try send(&machine) == echo(2) + echo(3) + echo(4))
        for number in 2...4 { #expect(reply(ok, &machine) == "\(number) done") }
    }

    @Test func `however much of them was sent, all are sent again as a whole`() throws {
        let length = echo(1).utf8.count
        for partial in 0...(3 * length) {
            var machine = try ready()
            for number in 1...3 { _ = submit(number, &machine) }
            _ = try send(&machine, upTo: partial)
            #expect(words(machine.lost(.connectionLost, now: start)) == "")
            reconnect(&machine, at: after(50))
            #expect(try send(&machine) == (1...3).map(echo).joined())
        }
    }

    @Test func `when its time is over, a command that was wholly sent may be executed`() throws {
        let length = echo(1).utf8.count
        for partial in 0...(3 * length) {
            var machine = try ready()
            for number in 1...3 { _ = submit(number, &machine) }
            _ = try send(&machine, upTo: partial)
            _ = machine.lost(.connectionLost, now: start)
            let expected = (1...3).map { number in
                number <= partial / length
                    ? "\(number) may be executed: connectionLost"
                    : "\(number) not executed: connectionLost"
            }
            #expect(
                words(machine.deadlineReached(now: after(5_000)).resolutions)
                    == expected.joined(separator: ", "))
        }
    }

    @Test func `an error after a connection that broke tells nothing of the first attempt`() throws
    {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = try send(&machine)
        _ = machine.lost(.connectionLost, now: start)
        reconnect(&machine, at: after(50))
        _ = try send(&machine)
        #expect(
            reply(.error(RedisServerError(message: "OOM x")), &machine)
                == "1 may be executed: server(OOM x)")
    }

    @Test(arguments: [
        "READONLY x", "LOADING x", "MASTERDOWN x", "TRYAGAIN x", "CLUSTERDOWN x", "BUSY x",
        "NOSCRIPT x", "NOREPLICAS x", "ERR max number of clients reached",
        "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY x",
    ])
    func `an error that passes is waited for, over other connections`(message: String) throws {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = try send(&machine)
        let error = RedisServerError(message: message)
        #expect(error.isPassing)
        for attempt in 0...6 {
            let now = after(attempt * 300)
            #expect(reply(.error(error), &machine) == "fail server(\(message))")
            #expect(words(machine.lost(.server(error), now: now)) == "")
            #expect(machine.deadline == after(5_000))
            reconnect(&machine, at: now)
            #expect(machine.isReady && !machine.isIdle, "the backoff goes on")
            #expect(try send(&machine) == echo(1))
        }
        _ = machine.lost(.server(error), now: after(4_000))
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == "1 may be executed: server(\(message))",
            "the last attempt had no answer")
    }

    @Test func `a command that Redis refused each time was not executed`() throws {
        var machine = try ready()
        _ = submit(1, &machine)
        _ = submit(2, &machine)
        _ = try send(&machine)
        let error = RedisServerError(message: "READONLY x")
        #expect(reply(.error(error), &machine) == "fail server(READONLY x)")
        _ = machine.lost(.server(error), now: start)
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == "1 not executed: server(READONLY x), 2 may be executed: server(READONLY x)")
    }

    @Test func `many commands through one buffer keep their bytes apart`() throws {
        var machine = try ready()
        let long = String(repeating: "x", count: 10_000)
        var command = RedisCommand()
        command.add("SET", "k", long)
        let bytes = String(decoding: command.bytes, as: UTF8.self)
        for number in 1...200 {
            #expect(
                {
                    if case .flush = machine.submitted(command, number, now: start) {
                        true
                    } else {
                        false
                    }
                }())
        }
        _ = try send(&machine)
        for number in 1...150 { #expect(reply(ok, &machine) == "\(number) done") }
        _ = machine.lost(.connectionLost, now: start)
        reconnect(&machine, at: after(50))
        #expect(try send(&machine) == String(repeating: bytes, count: 50))
    }

    // MARK: - Deadlines

    @Test func `without a connection a command waits for its time, and was not executed`() throws {
        var machine = try machine()
        _ = submit(1, &machine, at: start)
        _ = submit(2, &machine, at: after(1_000))
        let refused = RedisError.connectFailed(SystemError(code: 111, call: "connect"))
        #expect(words(machine.lost(refused, now: after(10))) == "")
        #expect(words(machine.deadlineReached(now: after(4_999)).resolutions) == "")
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == "1 not executed: connectFailed(connect: Connection refused)")
        reconnect(&machine, at: after(5_500))
        #expect(try send(&machine) == echo(2))
    }

    @Test func `a Redis that gives no answer loses its connection, and gets the command again`()
        throws
    {
        var machine = try ready()
        _ = submit(1, &machine, at: start)
        _ = try send(&machine)
        _ = submit(2, &machine, at: after(1_000))
        _ = try send(&machine)
        #expect(machine.deadline == after(2_000))
        #expect(reply(ok, &machine, at: after(1_500)) == "1 done")
        #expect(machine.deadline == after(3_500), "an answer begins the time anew")
        #expect(!machine.deadlineReached(now: after(3_499)).stalls)
        #expect(machine.deadlineReached(now: after(3_500)).stalls)
        #expect(words(machine.lost(.timedOut, now: after(3_500))) == "")
        reconnect(&machine, at: after(3_550))
        #expect(try send(&machine) == echo(2))
        #expect(reply(ok, &machine, at: after(3_560)) == "2 done")
        #expect(machine.deadline == .never)
    }

    @Test func `a late reply does not resume a caller that has timed out`() throws {
        var machine = try ready()
        _ = submit(1, &machine, at: start)
        _ = machine.lost(.connectionLost, now: start)
        _ = submit(2, &machine, at: after(1_000))
        reconnect(&machine, at: after(4_900))
        _ = try send(&machine)
        #expect(machine.deadline == after(5_000))
        let (resolutions, stalls) = machine.deadlineReached(now: after(5_000))
        #expect(words(resolutions) == "1 may be executed: timedOut")
        #expect(!stalls, "Redis has had little time")
        #expect(machine.deadline == after(6_000))
        #expect(reply(ok, &machine, at: after(5_100)) == "none")
        #expect(reply(ok, &machine, at: after(5_100)) == "2 done")
    }
}
