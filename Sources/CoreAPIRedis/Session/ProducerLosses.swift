/// What Redis had confirmed and lacks now.
package struct LostConfirmations: Equatable, Sendable {
    /// The numbers that this Redis lacks.
    package let numbers: ClosedRange<Int>
    /// How many messages are lost, as far as it is known: those that are sent again, and those that
    /// are no longer kept.
    package let count: Int
    /// Whether this Redis confirmed them itself: then they, or the session alone, were removed from
    /// it, and nothing is sent again.
    package let isSameRun: Bool
    /// The names of the messages that are sent again: the first word of each.
    package let replayed: [String]
}

/// What a producer's Redis has lost or holds instead, for the log.
package struct ProducerLosses: Equatable, Sendable {
    /// Found at a login.
    package var lost: LostConfirmations?
    /// What is not sent again any more.
    package var givenUp: [GivenUpMessage] = []
    /// The key of a session that held something else, which a login has replaced.
    package var replacedKey: String?
}

extension ProducerLosses {
    /// What a login has found; nil if that is nothing.
    ///
    /// - Parameter replacedKey: of the session, if it held something else.
    init?(atLogin lost: LostConfirmations?, replacedKey: String?) {
        guard lost != nil || replacedKey != nil else { return nil }
        self.lost = lost
        self.replacedKey = replacedKey
    }
}
