import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Sessions of partitions that a node of a Redis Cluster redirects, and that move to another node.
@Suite struct ClusterNodeMachineTests: PartitionedProducerTranscript {
    /// A node that has the sessions of two partitions, open.
    private func node(barrier: RedisBarrier? = nil) throws -> Machine {
        var machine = try machine(barrier: barrier, isNode: true)
        _ = machine.connected(now: start)
        for script in partitions.call(0).scripts.dropLast() {
            _ = reply(text(script.digest), &machine)
        }
        #expect(reply(text(ProducerScripts.fence.digest), &machine) == "ready")
        #expect(machine.isReady && sent(&machine) == [])
        for partition in 0...1 {
            submit(90 + partition, to: partition, &machine)
            #expect(sent(&machine) == ["\(partition)/open"])
            _ = reply(opened(-1), &machine)
            _ = sent(&machine)
            _ = reply(.integer(1), &machine)
            _ = sent(&machine)
            _ = reply(.integer(2), &machine)
            guard barrier != nil else { continue }
            _ = reply(.integer(1), &machine)
            _ = sent(&machine)
        }
        #expect(machine.isIdle)
        return machine
    }

    private func detach(
        _ partition: Int, _ machine: inout Machine
    ) throws -> ProducerSession<Int> {
        let departure = machine.detach(partition, now: start)
        let (session, resolutions) = try #require(departure)
        #expect(resolutions.isEmpty)
        return session
    }

    @Test(arguments: ["MOVED 1 h:1", "ASK 1 h:1", "TRYAGAIN x", "CLUSTERDOWN x"])
    func `a redirection holds its session, whose later replies are ignored`(message: String) throws
    {
        var machine = try node()
        submit(1, to: 0, &machine)
        #expect(sent(&machine) == ["0/3: m1"])
        submit(2, to: 0, &machine)
        submit(3, to: 1, &machine)
        #expect(sent(&machine) == ["0/4: m2", "1/3: m3"])
        #expect(reply(error(message), &machine) == "")
        let expected = Machine.Redirection(
            partition: 0, error: RedisServerError(message: message), concernsSession: false)
        #expect(machine.takeRedirections() == [expected])
        #expect(machine.takeRedirections().isEmpty)
        submit(4, to: 0, &machine)
        #expect(sent(&machine) == [])
        #expect(reply(error("SESSION gap"), &machine) == "none")
        #expect(reply(.integer(3), &machine) == "3 applied")
        machine.resume(0)
        #expect(sent(&machine) == ["0/open"])
        #expect(reply(opened(2), &machine) == "flush")
        #expect(sent(&machine) == ["0/fence 2 5"])
        #expect(reply(.integer(5), &machine) == "")
        #expect(sent(&machine) == ["0/6: m1", "0/7: m2", "0/8: m4"])
    }

    @Test func `a redirection of a session's login says that it concerns the session alone`()
        throws
    {
        var machine = try node()
        submit(1, to: 0, &machine)
        _ = sent(&machine)
        _ = reply(error("ASK 1 h:1"), &machine)
        #expect(machine.takeRedirections().map(\.concernsSession) == [false])
        machine.resume(0)
        #expect(sent(&machine) == ["0/open"])
        _ = reply(error("ASK 1 h:1"), &machine)
        #expect(machine.takeRedirections().map(\.concernsSession) == [true])
    }

    @Test func `each command to a node that has no more than the keys follows ASKING`() throws {
        var (old, new) = (try node(), try machine(isNode: true))
        submit(1, to: 0, &old)
        _ = sent(&old)
        new.setAsks(true, 0)
        new.attach(try detach(0, &old), partition: 0)
        logIn(&new)
        #expect(sent(&new) == ["ASKING", "0/open"])
        #expect(reply(.status(Array("OK".utf8)), &new) == "none")
        #expect(reply(opened(2, "B"), &new) == "flush")
        #expect(sent(&new) == ["ASKING", "0/fence 2 4"])
        #expect(reply(.status(Array("OK".utf8)), &new) == "none")
        #expect(reply(.integer(4), &new) == "")
        submit(2, to: 0, &new)
        #expect(sent(&new) == ["ASKING", "0/5: m1", "ASKING", "0/6: m2"])
        #expect(reply(.status(Array("OK".utf8)), &new) == "none")
        #expect(reply(.integer(5), &new) == "1 applied")
        // The stream has not arrived.
        #expect(reply(.status(Array("OK".utf8)), &new) == "none")
        #expect(reply(error("TRYAGAIN x"), &new) == "")
        #expect(new.takeRedirections().map(\.concernsSession) == [false])
        // The slot has arrived.
        let session = try detach(0, &new)
        new.setAsks(false, 0)
        new.attach(session, partition: 0)
        #expect(sent(&new) == ["0/open"])
    }

    @Test func `messages without keys do not wait for those that a moving slot holds up`() throws {
        var machine = try node()
        submit(1, to: 0, &machine)
        submit(2, key: "k", to: 0, &machine)
        submit(3, to: 0, &machine)
        #expect(sent(&machine) == ["0/3: m1 m2 m3"])
        _ = reply(error("TRYAGAIN x"), &machine)
        submit(4, to: 0, &machine)
        machine.resume(0)
        #expect(sent(&machine) == ["0/open"])
        _ = reply(opened(2), &machine)
        #expect(sent(&machine) == ["0/fence 2 6"])
        _ = reply(.integer(6), &machine)
        #expect(sent(&machine) == ["0/7: m1 m3", "0/9: m4"])
        submit(5, to: 0, &machine)
        #expect(reply(.integer(8), &machine) == "1 applied, 3 applied")
        #expect(sent(&machine) == [])
        #expect(reply(.integer(9), &machine) == "4 applied")
        #expect(sent(&machine) == ["0/10: m2", "0/11: m5"])
        _ = reply(error("TRYAGAIN x"), &machine)
        #expect(reply(error("SESSION gap"), &machine) == "none")
        machine.resume(0)
        _ = sent(&machine)
        _ = reply(opened(9), &machine)
        #expect(sent(&machine) == ["0/fence 9 12"])
        _ = reply(.integer(12), &machine)
        #expect(sent(&machine) == ["0/13: m5"])
        #expect(reply(.integer(13), &machine) == "5 applied")
        #expect(sent(&machine) == ["0/14: m2"])
        #expect(reply(.integer(14), &machine) == "2 applied")
        #expect(machine.isIdle)
    }

    @Test func `with a barrier, messages with keys follow once the others are confirmed`() throws {
        var machine = try node(barrier: .replicas(1))
        submit(1, key: "k", to: 0, &machine)
        submit(2, to: 0, &machine)
        #expect(sent(&machine) == ["0/3: m1 m2", "WAIT"])
        _ = reply(error("TRYAGAIN x"), &machine)
        _ = reply(.integer(1), &machine)
        machine.resume(0)
        _ = sent(&machine)
        _ = reply(opened(2), &machine)
        _ = sent(&machine)
        _ = reply(.integer(5), &machine)
        #expect(sent(&machine) == ["0/6: m2", "WAIT"])
        #expect(reply(.integer(6), &machine) == "flush")
        #expect(sent(&machine) == [])
        #expect(reply(.integer(1), &machine) == "2 applied")
        #expect(sent(&machine) == ["0/7: m1", "WAIT"])
    }

    @Test func `a session moves to another node, which knows what was applied`() throws {
        var (old, new) = (try node(), try machine(isNode: true))
        submit(1, to: 0, &old)
        #expect(sent(&old) == ["0/3: m1"])
        submit(2, to: 0, &old)
        submit(3, to: 1, &old)
        #expect(sent(&old) == ["0/4: m2", "1/3: m3"])
        let moved = try detach(0, &old)
        let again = old.detach(0, now: start)
        #expect(again == nil)
        new.attach(moved, partition: 0)
        #expect(!new.isIdle && new.deadline == after(5_000))
        // The first node has applied both, and its replies belong to nobody.
        #expect(reply(.integer(3), &old) == "none")
        #expect(reply(.integer(4), &old) == "none")
        #expect(reply(.integer(3), &old) == "3 applied")
        #expect(old.isIdle)
        _ = new.connected(now: start)
        for script in partitions.call(0).scripts { _ = reply(text(script.digest), &new) }
        #expect(sent(&new) == ["0/open"])
        #expect(reply(opened(3, "B"), &new) == "flush")
        #expect(sent(&new) == ["0/fence 3 5"])
        #expect(reply(.integer(5), &new) == "1 applied")
        #expect(sent(&new) == ["0/6: m2"])
        #expect(reply(.integer(6), &new) == "2 applied")
        #expect(new.isIdle)
        // The partition may come back.
        old.attach(try detach(0, &new), partition: 0)
        #expect(sent(&old) == ["0/open"])
    }

    @Test func `a barrier goes on for the sessions that stay`() throws {
        var machine = try node(barrier: .replicas(1))
        submit(1, to: 0, &machine)
        submit(2, to: 1, &machine)
        #expect(sent(&machine) == ["0/3: m1", "1/3: m2", "WAIT"])
        _ = try detach(0, &machine)
        #expect(reply(.integer(3), &machine) == "none")
        #expect(reply(.integer(3), &machine) == "none")
        #expect(reply(.integer(1), &machine) == "2 applied")
        #expect(machine.isIdle)
    }

    @Test func `without a cluster an error of one is as any other`() throws {
        var machine = try open()
        submit(1, to: 0, &machine)
        _ = sent(&machine)
        #expect(reply(error("MOVED 1 h:1"), &machine) == "1 not executed")
        #expect(machine.takeRedirections().isEmpty)
    }
}
