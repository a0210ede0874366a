internal import CoreAPIBase

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

    private let served: BoundedCount
    private let refused: BoundedCount

    package init(servedMax: Int, refusedMax: Int) {
        served = BoundedCount(max: servedMax)
        refused = BoundedCount(max: refusedMax)
    }

    /// How many connections are served at most.
    package var servedMax: Int { served.max }
    /// How many connections are served at this moment.
    package var servedNow: Int { served.now }

    /// Decides on a new connection; call `ended` with the answer once it has ended.
    func admit() -> Admission {
        if served.take() { return .served }
        if refused.take() { return .refused }
        return .dropped
    }

    /// A connection that was admitted has ended.
    package func ended(_ admission: Admission) {
        switch admission {
        case .served: served.give()
        case .refused: refused.give()
        case .dropped: break
        }
    }
}
