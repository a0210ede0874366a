/// A message that Redis has confirmed, and that is not sent again though a Redis lacks it or may
/// lack it.
package struct GivenUpMessage: Equatable, Sendable {
    package enum Reason: CaseIterable, Sendable {
        /// Redis has refused it for as long as it is kept: it is lost.
        case refused
        /// It was sent again, and the session was removed before Redis confirmed it: Redis may have
        /// it.
        case sessionLost
        /// It was to be sent again when the connection was closed: Redis may have it.
        case closed
    }

    /// The first word of the message.
    package let name: String
    package let reason: Reason

    package init(_ name: String, _ reason: Reason) {
        self.name = name
        self.reason = reason
    }
}
