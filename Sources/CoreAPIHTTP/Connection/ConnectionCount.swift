internal import CoreAPIBase

/// Counts connections over all loops, against two limits: served connections, and connections that
/// are being refused.
///
/// The counts change when a connection begins or ends, never for a request
/// (docs/decisions/0010-connection-bound.md).
package final class ConnectionCount: Sendable {
    /// The decision on a new connection.
    package enum Admission: String, CaseIterable {
        case served
        /// Beyond the limit of served connections: the connection gets a refusal and is closed.
        case refused
        /// Beyond the limit of refused connections: the connection is closed at once and not
        /// counted.
        case dropped
    }

    private let served: BoundedCount
    private let refused: BoundedCount

    package init(servedMax: Int, refusedMax: Int) {
        served = BoundedCount(max: servedMax)
        refused = BoundedCount(max: refusedMax)
    }

    /// The limit of served connections.
    package var servedMax: Int { served.max }
    /// The number of connections served now.
    package var servedNow: Int { served.now }

    /// Decides on a new connection. Call `ended` with the result after the connection has ended.
    func admit() -> Admission {
        if served.take() { return .served }
        if refused.take() { return .refused }
        return .dropped
    }

    /// Reports the end of an admitted connection.
    package func ended(_ admission: Admission) {
        switch admission {
        case .served: served.give()
        case .refused: refused.give()
        case .dropped: break
        }
    }
}
