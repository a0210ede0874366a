internal import Synchronization

/// How many connections callers have, over all loops together, against two bounds: of those that
/// are served, and of those that are told that they are too many.
///
/// It is written when a connection begins and when it ends, never for a request
/// (docs/decisions/0010-connection-bound.md).
package final class ConnectionCount: Sendable {
    /// What becomes of a connection.
    package enum Admission: String, CaseIterable {
        case served
        /// One too many: it is answered with a refusal, and closed.
        case refused
        /// Too many are being refused already: it is closed at once. It is not counted.
        case dropped
    }

    package let servedMax: Int
    package let refusedMax: Int

    private let served = Atomic(0)
    private let refused = Atomic(0)

    package init(servedMax: Int, refusedMax: Int) {
        self.servedMax = servedMax
        self.refusedMax = refusedMax
    }

    /// How many connections are served at this moment.
    package var servedNow: Int { served.load(ordering: .relaxed) }

    /// Decides on a new connection; call `ended` with the answer once it has ended.
    func admit() -> Admission {
        if ConnectionCount.take(served, max: servedMax) { return .served }
        if ConnectionCount.take(refused, max: refusedMax) { return .refused }
        return .dropped
    }

    /// A connection that was admitted has ended.
    package func ended(_ admission: Admission) {
        switch admission {
        case .served: served.subtract(1, ordering: .relaxed)
        case .refused: refused.subtract(1, ordering: .relaxed)
        case .dropped: break
        }
    }

    /// Counts one more, unless that were more than the bound.
    private static func take(_ count: borrowing Atomic<Int>, max: Int) -> Bool {
        var value = count.load(ordering: .relaxed)
        while value < max {
            let (exchanged, original) = count.weakCompareExchange(
                expected: value, desired: value + 1, ordering: .relaxed)
            if exchanged { return true }
            value = original
        }
        return false
    }
}
