package import CoreAPIBase

/// Which node of a Redis Cluster each partition's session belongs to, and when one that was
/// redirected tries again. It has no socket, no clock and no session: `ClusterProducer` performs
/// its moves.
///
/// A session belongs to the master of its slot. While the slot moves, it belongs to the node that
/// the slot moves to, as soon as the master answers `ASK` to a question for the session's key
/// alone: then the key has moved, and each command there follows `ASKING`. After any other `ASK`,
/// and after `TRYAGAIN`, keys of the batch are at both nodes, or at none yet, and the session
/// waits where it is (docs/decisions/0023-cluster.md).
package struct ClusterRoutes {
    /// A session goes to another node.
    package struct Move: Equatable {
        package let partition: Int
        /// Nil for the lobby: the partition has no node.
        package let address: RedisAddress?
        /// Whether the node does not have the slot yet, so that commands follow `ASKING`.
        package var asks = false
    }

    /// What the directory has to know of a redirection.
    package enum Notice: Equatable {
        case none
        /// The map is stale.
        case staled
        /// The slot has another master, nil if the node does not know it.
        case moved(HashSlot, to: RedisAddress?)
    }

    /// By partition.
    private let slots: [HashSlot]
    private var view = ClusterView()
    /// Where each session is.
    private var homes: [Move]
    /// The nodes to which the slots of partitions move, by partition.
    private var imports: [Int: RedisAddress] = [:]
    /// When a redirected partition tries again.
    private var retries: [Int: MonotonicTime] = [:]
    private var refreshesAt = MonotonicTime.never
    /// Whether sessions may be at nodes; otherwise all of them belong to the lobby.
    package var isOpen = false

    /// While a slot moves: most slots move in milliseconds.
    private static let movingMilliseconds = 25
    /// After `MOVED`, which brings a new map at once, and while the cluster is down.
    private static let redirectedMilliseconds = 100
    /// Between questions for the map while it is surely not the last one.
    private static let refreshMilliseconds = 250

    /// - Parameter slots: of the partitions.
    package init(_ slots: [HashSlot]) {
        self.slots = slots
        homes = slots.indices.map { Move(partition: $0, address: nil) }
    }

    /// The node at which a partition's session is; nil for the lobby.
    package func address(of partition: Int) -> RedisAddress? { homes[partition].address }

    /// The map has changed: call `moves`.
    package mutating func learned(_ view: ClusterView) { self.view = view }

    /// The sessions that belong elsewhere than they are: the caller moves them all.
    package mutating func moves() -> [Move] {
        var moves: [Move] = []
        for partition in slots.indices {
            let home = home(of: partition)
            guard homes[partition] != home else { continue }
            homes[partition] = home
            retries[partition] = nil
            moves.append(home)
        }
        return moves
    }

    private mutating func home(of partition: Int) -> Move {
        guard isOpen else { return Move(partition: partition, address: nil) }
        let master = view.master(of: slots[partition])
        guard let target = imports[partition] else {
            return Move(partition: partition, address: master)
        }
        guard target == master else {
            return Move(partition: partition, address: target, asks: true)
        }
        // The slot has arrived.
        imports[partition] = nil
        return Move(partition: partition, address: master)
    }

    /// A node has redirected the session of a partition: call `moves`.
    ///
    /// - Parameters:
    ///   - concernsSession: whether the command had no other key than the session's.
    ///   - address: of the node.
    package mutating func redirected(
        _ partition: Int, _ error: RedisServerError, concernsSession: Bool,
        by address: RedisAddress, now: MonotonicTime
    ) -> Notice {
        // It has left that node meanwhile.
        guard homes[partition].address == address else { return .none }
        switch error.kind {
        case .moved:
            imports[partition] = nil
            retry(partition, ClusterRoutes.redirectedMilliseconds, now)
            let target = ClusterRedirection(error, asked: address)
            return .moved(slots[partition], to: target?.address)
        case .clusterDown:
            retry(partition, ClusterRoutes.redirectedMilliseconds, now)
            return .staled
        case .ask where concernsSession:
            retry(partition, ClusterRoutes.movingMilliseconds, now)
            guard let target = ClusterRedirection(error, asked: address)?.address,
                target != address
            else { return .none }
            imports[partition] = target
            // No redirection says that the slot has arrived there.
            refreshesAt = min(
                refreshesAt, now.advanced(byMilliseconds: ClusterRoutes.refreshMilliseconds))
        default: retry(partition, ClusterRoutes.movingMilliseconds, now)
        }
        return .none
    }

    private mutating func retry(_ partition: Int, _ milliseconds: Int, _ now: MonotonicTime) {
        retries[partition] = now.advanced(byMilliseconds: milliseconds)
    }

    /// The connection to a node has ended: call `moves`.
    package mutating func lost(_ address: RedisAddress, now: MonotonicTime) {
        // The master says where the slot moves to, if it still does.
        imports = imports.filter { $0.value != address }
        refreshesAt = min(refreshesAt, now)
    }

    // MARK: - Deadlines

    /// When `deadlineReached` is to be called.
    package var deadline: MonotonicTime {
        retries.values.reduce(refreshesAt) { min($0, $1) }
    }

    /// - Parameter isAway: whether a node with sessions is not connected.
    /// - Returns: the partitions whose sessions try again, and whether the map is to be asked for.
    package mutating func deadlineReached(
        now: MonotonicTime, isAway: Bool
    ) -> (resumed: [Int], refreshes: Bool) {
        let resumed = retries.filter { $0.value <= now }.map(\.key).sorted()
        for partition in resumed { retries[partition] = nil }
        guard refreshesAt <= now else { return (resumed, false) }
        let isOld = isAway || !imports.isEmpty
        refreshesAt =
            isOld ? now.advanced(byMilliseconds: ClusterRoutes.refreshMilliseconds) : .never
        return (resumed, true)
    }
}
