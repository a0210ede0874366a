/// The time limit of a turn: how long handlers run before the loop polls its sockets again. The
/// limit is about half a millisecond for ready sockets, and as much again for handlers that
/// requested a turn.
///
/// The clock is read once per `callsPerReading` calls, so a turn with one call reads no clock.
struct TurnBudget {
    static let nanoseconds: UInt64 = 500_000
    static let callsPerReading = 4

    private let end: MonotonicTime
    private var callsLeft = callsPerReading
    /// Whether the remaining handlers must wait for the next turn.
    private(set) var isSpent = false

    /// Starts the budget at `now`.
    init(at now: MonotonicTime) {
        end = MonotonicTime(nanoseconds: now.nanoseconds + TurnBudget.nanoseconds)
    }

    /// Counts one call of a handler or one answered request. True if the budget is spent.
    mutating func called(_ clock: () -> MonotonicTime = MonotonicTime.now) -> Bool {
        if isSpent { return true }
        callsLeft -= 1
        guard callsLeft == 0 else { return false }
        callsLeft = TurnBudget.callsPerReading
        isSpent = clock() >= end
        return isSpent
    }
}
