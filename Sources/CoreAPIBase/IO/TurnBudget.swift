/// How long the handlers of a loop may run before it looks at its sockets again: about half a
/// millisecond for the sockets that have changed, and as much for the handlers that have asked for
/// a turn, however much each of them has to do.
///
/// The clock is read after every few calls, so that a turn with a single one reads none.
struct TurnBudget {
    static let nanoseconds: UInt64 = 500_000
    static let callsPerReading = 4

    private let end: MonotonicTime
    private var callsLeft = callsPerReading
    /// Whether what is left must wait for the next turn.
    private(set) var isSpent = false

    /// The time to spend begins.
    init(at now: MonotonicTime) {
        end = MonotonicTime(nanoseconds: now.nanoseconds + TurnBudget.nanoseconds)
    }

    /// A handler was called, or a request answered: whether the budget is spent.
    mutating func called(_ clock: () -> MonotonicTime = MonotonicTime.now) -> Bool {
        if isSpent { return true }
        callsLeft -= 1
        guard callsLeft == 0 else { return false }
        callsLeft = TurnBudget.callsPerReading
        isSpent = clock() >= end
        return isSpent
    }
}
