import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// How the map of a cluster is learned, as a transcript.
@Suite struct ClusterTopologyTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private let seed = RedisAddress(host: "seed", port: 1)
    private let other = RedisAddress(host: "other", port: 1)
    private let a = RedisAddress(host: "a", port: 1)
    private let b = RedisAddress(host: "b", port: 1)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func topology() -> ClusterTopology {
        ClusterTopology(
            seeds: [seed, other], backoff: Backoff(millisecondsMin: 200, millisecondsMax: 1_000),
            now: start)
    }

    private func map(_ masters: [(ClosedRange<Int>, RedisAddress)]) throws -> ClusterMap {
        var map = ClusterMap()
        for (slots, master) in masters { try map.assign(slots, to: master) }
        return map
    }

    private func complete(_ first: RedisAddress, _ second: RedisAddress) throws -> ClusterMap {
        try map([(0...8_191, first), (8_192...16_383, second)])
    }

    private func slot(_ number: Int) throws -> HashSlot { try #require(HashSlot(number)) }

    /// A topology that has this map.
    private func learned(_ map: ClusterMap) throws -> ClusterTopology {
        var topology = topology()
        #expect(topology.deadlineReached(now: start) == .ask(seed))
        #expect(topology.received(map) == .changed)
        return topology
    }

    @Test func `the first map is asked of a seed at once`() throws {
        var topology = topology()
        #expect(topology.deadline == start)
        #expect(topology.deadlineReached(now: start) == .ask(seed))
        #expect(topology.deadline == .never)
        #expect(topology.received(try complete(a, b)) == .changed)
        #expect(topology.deadline == .never)
        #expect(topology.master(of: try slot(0)) == a)
        #expect(topology.master(of: try slot(16_383)) == b)
    }

    @Test func `without an answer the next node is asked, and after all with a backoff`() throws {
        var topology = topology()
        #expect(topology.deadlineReached(now: start) == .ask(seed))
        topology.failed(now: after(20), jitter: 1)
        #expect(!topology.hasAskedAll)
        #expect(topology.deadline == after(20))
        #expect(topology.deadlineReached(now: after(20)) == .ask(other))
        topology.failed(now: after(50), jitter: 1)
        #expect(topology.hasAskedAll)
        #expect(topology.deadline == after(250))
        #expect(topology.deadlineReached(now: after(249)) == .none)
        #expect(topology.deadlineReached(now: after(250)) == .ask(seed))
        #expect(topology.received(try complete(a, b)) == .changed)
    }

    @Test func `masters are asked before seeds`() throws {
        var topology = try learned(try complete(a, b))
        topology.staled()
        var asked: [RedisAddress] = []
        for _ in 0..<5 {
            guard case .ask(let address) = topology.deadlineReached(now: topology.deadline) else {
                Issue.record("nobody is asked")
                return
            }
            asked.append(address)
            topology.failed(now: start, jitter: 0)
        }
        #expect(asked == [a, b, seed, other, a])
    }

    @Test func `requests are coalesced, and limited in rate`() throws {
        var topology = try learned(try complete(a, b))
        for _ in 0..<1_000 { topology.staled() }
        #expect(topology.deadline == after(100))
        #expect(topology.deadlineReached(now: after(100)) == .ask(a))
        #expect(topology.deadlineReached(now: after(100)) == .none)
        // The answer may be from before this request.
        topology.staled()
        #expect(topology.received(try complete(a, b)) == .none)
        #expect(topology.deadline == after(200))
        // The masters are asked in turns.
        #expect(topology.deadlineReached(now: after(200)) == .ask(b))
        #expect(topology.received(try complete(a, b)) == .none)
        #expect(topology.deadline == .never)
    }

    @Test func `MOVED names a master until the next map`() throws {
        var topology = try learned(try complete(a, b))
        #expect(topology.redirected(try slot(5), to: b) == .changed)
        #expect(topology.redirected(try slot(5), to: b) == .none)
        #expect(topology.master(of: try slot(5)) == b)
        #expect(topology.master(of: try slot(6)) == a)
        #expect(topology.deadlineReached(now: after(100)) == .ask(a))
        // Later than the question, so it outlives the answer.
        #expect(topology.redirected(try slot(7), to: b) == .changed)
        #expect(topology.received(try complete(a, b)) == .none)
        #expect(topology.master(of: try slot(7)) == b)
        #expect(topology.deadlineReached(now: after(200)) == .ask(b))
        #expect(topology.received(try complete(a, b)) == .changed)
        #expect(topology.master(of: try slot(7)) == a)
    }

    @Test func `MOVED without an address asks for the map alone`() throws {
        var topology = try learned(try complete(a, b))
        #expect(topology.redirected(try slot(5), to: nil) == .none)
        #expect(topology.deadline == after(100))
    }

    @Test func `redirections have a bound`() throws {
        var topology = try learned(try complete(a, a))
        for number in 0..<2_000 { _ = topology.redirected(try slot(number), to: b) }
        #expect(topology.master(of: try slot(1_023)) == b)
        #expect(topology.master(of: try slot(1_024)) == a)
    }

    @Test func `a map that is not complete is asked for again`() throws {
        var topology = topology()
        _ = topology.deadlineReached(now: start)
        #expect(topology.received(try map([(0...1, a)])) == .changed)
        #expect(topology.master(of: try slot(2)) == nil)
        #expect(topology.deadline == after(100))
        // Another node may know more.
        #expect(topology.deadlineReached(now: after(100)) == .ask(seed))
        #expect(topology.received(try complete(a, b)) == .changed)
        #expect(topology.deadline == .never)
    }

    @Test func `slots that stay without a master are asked for more slowly`() throws {
        var topology = topology()
        var asked = start
        for _ in 0..<60 {
            asked = topology.deadline
            _ = topology.deadlineReached(now: asked)
            _ = topology.received(try map([(0...1, a)]))
        }
        #expect(topology.deadline == asked.advanced(byMilliseconds: 1_000))
    }

    @Test func `another order of the masters changes nothing`() throws {
        var topology = try learned(try complete(a, b))
        topology.staled()
        _ = topology.deadlineReached(now: after(100))
        let other = try map([(8_192...16_383, b), (0...8_191, a)])
        #expect(topology.received(other) == .none)
    }

    @Test func `an answer that nobody waits for has no effect`() throws {
        var topology = try learned(try complete(a, b))
        #expect(topology.received(try complete(b, a)) == .none)
        topology.failed(now: start, jitter: 1)
        #expect(topology.deadline == .never)
        #expect(topology.master(of: try slot(0)) == a)
    }
}
