import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A producer's connection that is made anew with another login, as a transcript.
@Suite struct ProducerRenewalTests: ProducerMachineTranscript {
    private func renew(_ machine: inout Machine) -> Bool { machine.renew() }

    private func adopt(_ url: String, _ machine: inout Machine) throws {
        machine.adopt(try RedisURL(url))
    }

    @Test func `what is in flight is answered, what comes meanwhile waits for the new login`()
        throws
    {
        var machine = try open("redis://u:old@h", replies: 1)
        submit(1, &machine)
        #expect(sent(&machine) == ["2: m1"])
        try adopt("redis://u:new@h", &machine)
        #expect(!renew(&machine))
        #expect(!renew(&machine), "it is under way")
        submit(2, &machine)
        #expect(sent(&machine) == [])
        #expect(reply(.integer(2), &machine) == "renew, 1 applied")
        #expect(words(machine.restarted(now: start)) == [])
        #expect(machine.isWanted && !machine.isReady && !machine.isIdle)
        #expect(texts(of: machine.connected(now: start)).first == "AUTH u new")
        _ = reply(ok, &machine)
        for script in call.scripts { _ = reply(text(script.digest), &machine) }
        #expect(sent(&machine) == ["open"])
        // Nothing is to be settled, so no fence is needed.
        #expect(reply(opened(2), &machine) == "ready")
        #expect(sent(&machine) == ["3: m2"])
        #expect(reply(.integer(3), &machine) == "2 applied")
    }

    @Test func `an idle connection, and an attempt, are made anew at once`() throws {
        var machine = try open()
        #expect(renew(&machine))
        #expect(words(machine.restarted(now: start)) == [])
        #expect(renew(&machine))
        _ = machine.connected(now: start)
        #expect(machine.isLoggingIn && renew(&machine))
        #expect(words(machine.restarted(now: start)) == [])
        logIn(&machine)
        #expect(sent(&machine) == ["open"])
        #expect(renew(&machine), "the session is being opened")
        #expect(words(machine.restarted(now: start)) == [])
        logIn(&machine)
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(1), &machine) == "ready")
    }

    @Test func `the barrier in flight is waited for, and batches behind it are settled later`()
        throws
    {
        var machine = try open(barrier: .replicas(1))
        submit(1, &machine)
        #expect(sent(&machine) == ["2: m1", "WAIT"])
        submit(2, &machine)
        #expect(sent(&machine) == ["3: m2"])
        #expect(!renew(&machine))
        #expect(reply(.integer(2), &machine) == "none")
        #expect(reply(.integer(1), &machine) == "1 applied")
        #expect(sent(&machine) == [])
        #expect(reply(.integer(3), &machine) == "renew")
        #expect(words(machine.restarted(now: start)) == [])
        logIn(&machine)
        #expect(sent(&machine) == ["open"])
        #expect(reply(opened(3), &machine) == "flush")
        #expect(sent(&machine) == ["fence 3 4"])
        #expect(reply(.integer(4), &machine) == "ready")
        #expect(sent(&machine) == ["WAIT"])
        #expect(reply(.integer(1), &machine) == "2 applied")
    }

    @Test func `a connection that breaks, or stalls, while it is renewed is one that broke`() throws
    {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        #expect(!renew(&machine))
        #expect(machine.deadline == after(2_000))
        #expect(machine.deadlineReached(now: after(2_000)).stalls)
        #expect(words(machine.lost(.timedOut, now: after(2_000))) == [])
        logIn(&machine, at: after(2_100))
        #expect(sent(&machine, at: after(2_100)) == ["open"])
        #expect(reply(opened(2), &machine, at: after(2_100)) == "flush")
        #expect(sent(&machine, at: after(2_100)) == ["fence 2 3"])
        #expect(reply(.integer(3), &machine, at: after(2_100)) == "ready, 1 applied")
    }

    @Test func `a closed connection is not renewed`() throws {
        var machine = try open()
        _ = machine.close()
        #expect(!renew(&machine))
        #expect(machine.isClosed)
    }

    @Test func `an error reply shows neither the old password nor the new one`() throws {
        var machine = try open("redis://:old-password@h", replies: 1)
        try adopt("redis://:new-password@h", &machine)
        for password in ["old-password", "new-password"] {
            submit(1, &machine)
            _ = sent(&machine)
            let shown = reply(error("ERR \(password)"), &machine)
            #expect(!shown.contains("password"), "\(shown)")
        }
    }
}
