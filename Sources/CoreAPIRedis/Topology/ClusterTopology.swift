package import CoreAPIBase

/// Learns and keeps the map of a Redis Cluster, without a socket, a clock or a wait: events in,
/// actions out. All loops of a process share one, so that one of them learns for all.
///
/// Whatever shows that the map is stale (a `MOVED`, a connection that broke) asks for the whole map
/// anew. Requests are coalesced, and a map is asked for at most every `intervalMilliseconds`: a
/// resharding redirects many commands at once. The masters of the last map are asked in turns, so
/// that one that is cut off from the others is not the only one that is believed; if none of them
/// answers, the seeds are.
package struct ClusterTopology {
    package enum Action: Equatable, Sendable {
        case none
        /// Ask this node for its map, then call `received` or `failed`.
        case ask(RedisAddress)
        /// The map has changed: sessions and connections follow it.
        case changed
    }

    private enum State: Equatable {
        /// Can transition to: asking.
        case idle
        /// A node is asked. Can transition to: idle.
        case asking(RedisAddress)
    }

    /// What is known; before the first answer it is empty.
    package private(set) var view = ClusterView()
    private let seeds: [RedisAddress]
    private let intervalMilliseconds: Int
    private var state = State.idle
    /// Whether a map is wanted from a question that has not been asked yet.
    private var isStale = true
    /// No map is asked for before.
    private var earliest: MonotonicTime
    private var backoff: Backoff
    /// How many nodes were asked since one had a complete map.
    private var attempts = 0
    /// How often masters were asked.
    private var turns = 0

    /// Limit of the slots that were named since the last map: the map has them all.
    private static let movedMax = 1_024

    /// After as many questions without a complete map the next ones are asked more slowly.
    private static let attemptsMax = 50

    /// - Parameters:
    ///   - seeds: at least one.
    ///   - intervalMilliseconds: the least time between two questions.
    ///   - backoff: between two rounds of questions while no node answers.
    package init(
        seeds: [RedisAddress], intervalMilliseconds: Int = 100, backoff: Backoff, now: MonotonicTime
    ) {
        precondition(!seeds.isEmpty, "ClusterTopology.init: no seeds")
        self.seeds = seeds
        self.intervalMilliseconds = intervalMilliseconds
        self.backoff = backoff
        earliest = now
    }

    /// The master of a slot; nil while none is known.
    package func master(of slot: HashSlot) -> RedisAddress? { view.master(of: slot) }

    /// Whether all known nodes were asked since one had a complete map.
    package var hasAskedAll: Bool { attempts >= view.map.masters.count + otherSeeds.count }

    /// When `deadlineReached` is to be called.
    package var deadline: MonotonicTime { state == .idle && isStale ? earliest : .never }

    package mutating func deadlineReached(now: MonotonicTime) -> Action {
        guard deadline <= now else { return .none }
        let address = takeNextAddress()
        state = .asking(address)
        isStale = false
        // Slots without a master may remain so, for a cluster can be told to do without them.
        let isLasting = attempts > ClusterTopology.attemptsMax
        earliest = now.advanced(byMilliseconds: intervalMilliseconds * (isLasting ? 10 : 1))
        return .ask(address)
    }

    /// The map is stale. While a node is asked, its answer may be from before: another question
    /// follows.
    package mutating func staled() { isStale = true }

    /// A node has answered with `MOVED`.
    ///
    /// - Parameter address: nil if that node does not know it.
    package mutating func redirected(_ slot: HashSlot, to address: RedisAddress?) -> Action {
        staled()
        guard let address, master(of: slot) != address,
            view.moved.count < ClusterTopology.movedMax
        else { return .none }
        view.moved[slot] = address
        return .changed
    }

    /// The node that was asked has answered.
    package mutating func received(_ map: ClusterMap) -> Action {
        guard case .asking = state else { return .none }
        state = .idle
        backoff.succeeded()
        let before = view
        view.map = map
        // What was redirected since the question is newer than the answer.
        if !isStale { view.moved = [:] }
        // A failover is under way, or the cluster is being made: it is not complete.
        if map.isComplete { attempts = 0 } else { isStale = true }
        return view == before ? .none : .changed
    }

    /// The node that was asked cannot be reached, or its answer is no map.
    ///
    /// - Parameter jitter: a random number from 0 to 1.
    package mutating func failed(now: MonotonicTime, jitter: Double) {
        guard case .asking = state else { return }
        state = .idle
        isStale = true
        // The next node need not wait: no other has been asked since.
        let hasAskedRound = attempts % (view.map.masters.count + otherSeeds.count) == 0
        earliest =
            hasAskedRound ? now.advanced(byMilliseconds: backoff.failed(jitter: jitter)) : now
    }

    private var otherSeeds: [RedisAddress] { seeds.filter { !view.map.masters.contains($0) } }

    private mutating func takeNextAddress() -> RedisAddress {
        let (masters, others) = (view.map.masters, otherSeeds)
        let place = attempts % (masters.count + others.count)
        attempts += 1
        guard place < masters.count else { return others[place - masters.count] }
        turns += 1
        return masters[(turns - 1) % masters.count]
    }
}

/// What is known of a cluster at one moment: its last map, and the masters that `MOVED` has named
/// since.
package struct ClusterView: Equatable, Sendable {
    /// The last map; before the first answer it is empty.
    package internal(set) var map = ClusterMap()
    var moved: [HashSlot: RedisAddress] = [:]

    package init() {}

    /// The master of a slot; nil while none is known.
    package func master(of slot: HashSlot) -> RedisAddress? { moved[slot] ?? map[slot] }

    /// Whether the node serves a slot, as far as it is known.
    package func hasMaster(_ address: RedisAddress) -> Bool {
        map.masters.contains(address) || moved.values.contains(address)
    }
}
