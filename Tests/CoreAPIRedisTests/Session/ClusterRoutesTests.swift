import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Which node each session of a cluster belongs to, as a transcript.
@Suite struct ClusterRoutesTests {
    private typealias Move = ClusterRoutes.Move

    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private let a = RedisAddress(host: "a", port: 1)
    private let b = RedisAddress(host: "b", port: 1)
    private let c = RedisAddress(host: "c", port: 1)

    private func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    private func view(_ masters: [(ClosedRange<Int>, RedisAddress)]) throws -> ClusterView {
        var view = ClusterView()
        for (slots, master) in masters { try view.map.assign(slots, to: master) }
        return view
    }

    private var halves: [(ClosedRange<Int>, RedisAddress)] {
        [(0...8_191, a), (8_192...16_383, b)]
    }

    /// Partitions 0 and 1 are at the first node, 2 at the second.
    private func routes() throws -> ClusterRoutes {
        var routes = ClusterRoutes(
            try [0, 1, 10_000].map { try #require(HashSlot($0)) })
        routes.learned(try view(halves))
        #expect(routes.moves().isEmpty)
        routes.isOpen = true
        #expect(
            routes.moves() == [
                Move(partition: 0, address: a), Move(partition: 1, address: a),
                Move(partition: 2, address: b),
            ])
        #expect(routes.moves().isEmpty && routes.deadline == .never)
        return routes
    }

    private func redirected(
        _ partition: Int, _ message: String, concernsSession: Bool = false, by node: RedisAddress,
        _ routes: inout ClusterRoutes
    ) -> ClusterRoutes.Notice {
        routes.redirected(
            partition, RedisServerError(message: message), concernsSession: concernsSession,
            by: node, now: start)
    }

    @Test func `sessions follow the map, and wait in the lobby without a master`() throws {
        var routes = try routes()
        routes.learned(try view([(0...0, b), (8_192...16_383, b)]))
        #expect(
            routes.moves() == [Move(partition: 0, address: b), Move(partition: 1, address: nil)])
        #expect(routes.address(of: 0) == b && routes.address(of: 1) == nil)
        routes.isOpen = false
        #expect(
            routes.moves() == [Move(partition: 0, address: nil), Move(partition: 2, address: nil)])
    }

    @Test(arguments: [
        ("MOVED 0 b:1", 100), ("CLUSTERDOWN x", 100), ("TRYAGAIN x", 25), ("ASK 0 b:1", 25),
    ])
    func `a redirected session tries again after a pause`(message: String, pause: Int) throws {
        var routes = try routes()
        let notice = redirected(0, message, by: a, &routes)
        switch message.prefix(2) {
        case "MO": #expect(notice == .moved(try #require(HashSlot(0)), to: b))
        case "CL": #expect(notice == .staled)
        default: #expect(notice == .none)
        }
        #expect(routes.moves().isEmpty)
        #expect(routes.deadline == after(pause))
        let early = routes.deadlineReached(now: after(pause - 1), isAway: false)
        #expect(early.resumed.isEmpty && !early.refreshes)
        let due = routes.deadlineReached(now: after(pause), isAway: false)
        #expect(due.resumed == [0] && !due.refreshes)
        #expect(routes.deadline == .never)
    }

    @Test func `a session goes where its key has gone, until its slot is there`() throws {
        var routes = try routes()
        #expect(redirected(0, "ASK 0 b:1", concernsSession: true, by: a, &routes) == .none)
        #expect(routes.moves() == [Move(partition: 0, address: b, asks: true)])
        // The map is asked for, since nobody redirects a command that asks.
        #expect(routes.deadline == after(250))
        #expect(routes.deadlineReached(now: after(250), isAway: false).refreshes)
        #expect(routes.deadline == after(500))
        // What another key is missing for is no reason to leave.
        #expect(redirected(0, "TRYAGAIN x", by: b, &routes) == .none)
        #expect(routes.moves().isEmpty)
        routes.learned(try view([(0...0, b), (1...8_191, a), (8_192...16_383, b)]))
        #expect(routes.moves() == [Move(partition: 0, address: b)])
        #expect(routes.deadlineReached(now: after(500), isAway: false).refreshes)
        #expect(routes.deadline == .never)
    }

    @Test func `a session returns from a node that the slot does not move to any more`() throws {
        var routes = try routes()
        _ = redirected(0, "ASK 0 c:1", concernsSession: true, by: a, &routes)
        #expect(routes.moves() == [Move(partition: 0, address: c, asks: true)])
        let slot = try #require(HashSlot(0))
        #expect(redirected(0, "MOVED 0 a:1", by: c, &routes) == .moved(slot, to: a))
        #expect(routes.moves() == [Move(partition: 0, address: a)])
        _ = redirected(0, "ASK 0 c:1", concernsSession: true, by: a, &routes)
        #expect(routes.moves() == [Move(partition: 0, address: c, asks: true)])
        routes.lost(c, now: start)
        #expect(routes.moves() == [Move(partition: 0, address: a)])
        #expect(routes.deadlineReached(now: start, isAway: true).refreshes)
        #expect(routes.deadline == after(250))
    }

    @Test func `what a node says of a session that has left it has no effect`() throws {
        var routes = try routes()
        #expect(redirected(0, "MOVED 0 a:1", by: b, &routes) == .none)
        #expect(redirected(0, "ASK 0 c:1", concernsSession: true, by: b, &routes) == .none)
        #expect(routes.moves().isEmpty && routes.deadline == .never)
        // Nor has a node that names itself, or nobody.
        _ = redirected(0, "ASK 0 a:1", concernsSession: true, by: a, &routes)
        _ = redirected(1, "ASK 0 ?:1", concernsSession: true, by: a, &routes)
        #expect(routes.moves().isEmpty)
    }
}
