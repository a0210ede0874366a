import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A connection with sessions of partitions that is made anew, as a transcript.
@Suite struct PartitionedRenewalTests: PartitionedProducerTranscript {
    private func renew(_ machine: inout Machine) -> Bool { machine.renew() }

    @Test func `what all sessions sent is answered, and each opens again behind the new login`()
        throws
    {
        var machine = try open()
        submit(1, to: 0, &machine)
        submit(2, to: 2, &machine)
        #expect(sent(&machine) == ["0/2: m1", "2/open"])
        machine.adopt(try RedisURL("redis://u:new@h"))
        #expect(!renew(&machine))
        submit(3, to: 0, &machine)
        #expect(sent(&machine) == [])
        #expect(reply(.integer(2), &machine) == "1 applied")
        #expect(reply(opened(-1), &machine) == "renew")
        #expect(words(machine.restarted(now: start)) == [])
        #expect(!machine.isReady && machine.isWanted)
        let login = String(decoding: machine.connected(now: start), as: UTF8.self)
        #expect(login.contains("AUTH") && login.contains("new"))
        _ = reply(.status(Array("OK".utf8)), &machine)
        for script in partitions.call(0).scripts { _ = reply(text(script.digest), &machine) }
        #expect(sent(&machine) == ["0/open", "2/open"])
        #expect(reply(opened(2), &machine) == "ready")
        #expect(reply(opened(-1), &machine) == "flush")
        #expect(sent(&machine) == ["0/3: m3", "2/fence -1 2"])
        #expect(reply(.integer(3), &machine) == "3 applied")
        #expect(reply(.integer(2), &machine) == "")
        #expect(sent(&machine) == ["2/3: m2"])
        #expect(reply(.integer(3), &machine) == "2 applied")
    }

    @Test func `without anything in flight it is made anew at once, and a closed one is not`()
        throws
    {
        var machine = try open()
        #expect(renew(&machine))
        #expect(words(machine.restarted(now: start)) == [])
        #expect(renew(&machine))
        _ = machine.close()
        #expect(!renew(&machine) && machine.isClosed)
    }

    @Test func `a session that is given away while the connection is renewed leaves`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        #expect(sent(&machine) == ["0/2: m1"])
        #expect(!renew(&machine))
        #expect(machine.detach(0, now: start) != nil)
        #expect(reply(.integer(2), &machine) == "renew")
    }
}
