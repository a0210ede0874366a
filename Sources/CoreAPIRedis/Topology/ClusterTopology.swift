package import CoreAPIBase

/// Learns and keeps the map of a Redis Cluster, without a socket, a clock or a wait: events in,
/// actions out. All loops of a process share one, so that one of them learns for all.
///
/// Whatever shows that the map is stale (a `MOVED`, a connection that broke) asks for the whole map
/// anew. Requests are coalesced, and a map is asked for at most every `intervalMilliseconds`: a
/// resharding redirects many commands at once. Nodes are asked in turns, the masters of the last
/// map and then the seeds, until one answers.
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

    /// The last map; before the first answer it is empty.
    package private(set) var map = ClusterMap()
    /// The masters that `MOVED` has named since the last map.
    private var moved: [HashSlot: RedisAddress] = [:]
    private let seeds: [RedisAddress]
    private let intervalMilliseconds: Int
    private var state = State.idle
    /// Whether a map is wanted from a question that has not been asked yet.
    private var isStale = true
    /// No map is asked for before.
    private var earliest: MonotonicTime
    private var backoff: Backoff
    /// How many nodes were asked since the last answer.
    private var attempts = 0

    /// Limit of the slots that were named since the last map: the map has them all.
    private static let movedMax = 1_024

    /// - Parameters:
    ///   - seeds: at least one.
    ///   - intervalMilliseconds: the least time between two questions.
    ///   - backoff: between two questions while no node answers.
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
    package func master(of slot: HashSlot) -> RedisAddress? { moved[slot] ?? map[slot] }

    /// When `deadlineReached` is to be called.
    package var deadline: MonotonicTime { state == .idle && isStale ? earliest : .never }

    package mutating func deadlineReached(now: MonotonicTime) -> Action {
        guard deadline <= now else { return .none }
        let address = nextAddress
        state = .asking(address)
        isStale = false
        attempts += 1
        earliest = now.advanced(byMilliseconds: intervalMilliseconds)
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
        guard let address, master(of: slot) != address, moved.count < ClusterTopology.movedMax
        else { return .none }
        moved[slot] = address
        return .changed
    }

    /// The node that was asked has answered.
    package mutating func received(_ map: ClusterMap) -> Action {
        guard case .asking = state else { return .none }
        state = .idle
        attempts = 0
        backoff.succeeded()
        let before = (map: self.map, moved: moved)
        self.map = map
        // What was redirected since the question is newer than the answer.
        if !isStale { moved = [:] }
        // A failover is under way, or the cluster is being made: it is not complete.
        if !map.isComplete { isStale = true }
        return map == before.map && moved == before.moved ? .none : .changed
    }

    /// The node that was asked cannot be reached, or its answer is no map.
    ///
    /// - Parameter jitter: a random number from 0 to 1.
    package mutating func failed(now: MonotonicTime, jitter: Double) {
        guard case .asking = state else { return }
        state = .idle
        isStale = true
        earliest = max(
            earliest, now.advanced(byMilliseconds: backoff.failed(jitter: jitter)))
    }

    private var nextAddress: RedisAddress {
        let others = seeds.filter { !map.masters.contains($0) }
        let all = map.masters + others
        return all[attempts % all.count]
    }
}
