import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The deadlines and the end of a producer's connection as a transcript.
@Suite struct ProducerMachineDeadlineTests: ProducerMachineTranscript {
    // MARK: - Deadlines

    @Test func `a login has no deadline of its own, since it is a part of the attempt`() throws {
        var machine = try machine()
        #expect(machine.deadline == .never)
        _ = machine.connected(now: start)
        #expect(machine.deadline == .never)
        #expect(!machine.deadlineReached(now: after(60_000)).stalls)
    }

    @Test func `a Redis that does not answer while the session opens stalls`() throws {
        var machine = try machine()
        submit(1, &machine)
        logIn(&machine, at: after(100))
        _ = sent(&machine, at: after(110))
        #expect(machine.deadline == after(2_100))
        #expect(reply(opened(-1), &machine, at: after(1_000)) == "flush")
        _ = sent(&machine, at: after(1_000))
        #expect(machine.deadline == after(3_000), "an answer begins the time anew")
        #expect(!machine.deadlineReached(now: after(2_999)).stalls)
        #expect(machine.deadlineReached(now: after(3_000)).stalls)
        #expect(words(machine.lost(.timedOut, now: after(3_000))) == [])
        #expect(machine.deadline == after(5_000), "the message waits for the next attempt")
        #expect(
            words(machine.deadlineReached(now: after(5_000)).resolutions)
                == ["1 not executed: timedOut"])
    }

    @Test func `a Redis that does not answer a batch stalls, and gets it again`() throws {
        var machine = try open()
        #expect(machine.deadline == .never)
        submit(1, &machine, at: after(10_000))
        #expect(machine.deadline == after(15_000), "nothing is sent")
        _ = sent(&machine, at: after(10_010))
        #expect(machine.deadline == after(12_010))
        submit(2, &machine, at: after(11_000))
        _ = sent(&machine, at: after(11_000))
        #expect(machine.deadline == after(12_010), "a second batch does not begin the time anew")
        #expect(reply(.integer(2), &machine, at: after(11_500)) == "1 applied")
        #expect(machine.deadline == after(13_500), "an answer does")
        #expect(machine.deadlineReached(now: after(13_500)).stalls)
        #expect(words(machine.lost(.timedOut, now: after(13_500))) == [])
        logIn(&machine, at: after(13_600))
        _ = sent(&machine, at: after(13_600))
        _ = reply(opened(2), &machine, at: after(13_600))
        #expect(sent(&machine, at: after(13_600)) == ["fence 2 4"])
        #expect(reply(.integer(4), &machine, at: after(13_600)) == "ready")
        #expect(sent(&machine, at: after(13_600)) == ["5: m2"])
    }

    @Test func `a message whose time is over is told so once`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine, at: after(4_000))
        submit(2, &machine, at: after(4_500))
        let (resolutions, stalls) = machine.deadlineReached(now: after(5_000))
        #expect(words(resolutions) == ["1 may be executed: timedOut"])
        #expect(!stalls, "Redis has had little time")
        #expect(reply(.integer(2), &machine, at: after(5_100)) == "flush")
        #expect(sent(&machine, at: after(5_100)) == ["3: m2"])
        #expect(reply(.integer(3), &machine, at: after(5_200)) == "2 applied")
    }

    // MARK: - The end

    @Test func `closing ends every wait, and refuses later messages`() throws {
        var machine = try open()
        submit(1, &machine)
        _ = sent(&machine)
        submit(2, &machine)
        #expect(
            words(machine.close()) == ["1 may be executed: closed", "2 not executed: closed"])
        #expect(!machine.isWanted && !machine.isReady && machine.deadline == .never)
        #expect(submit(3, &machine) == .reject(.notExecuted(.closed)))
        #expect(sent(&machine) == [])
        #expect(!machine.deadlineReached(now: after(60_000)).stalls)
        #expect(words(machine.close()) == [])
    }

    @Test func `closing during a login ends every wait too`() throws {
        for isOpening in [false, true] {
            var machine = try machine()
            submit(1, &machine)
            if isOpening { logIn(&machine) } else { _ = machine.connected(now: start) }
            #expect(words(machine.close()) == ["1 not executed: closed"])
        }
    }

    @Test func `a full backlog refuses messages`() throws {
        var limits = ProducerLimits()
        limits.pendingMax = 1
        var machine = try machine(limits: limits)
        #expect(submit(1, &machine) == .wait)
        #expect(submit(2, &machine) == .reject(.notExecuted(.backlogFull)))
    }
}
