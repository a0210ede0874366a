/// Decides when the service manager is told that the server lives: `WATCHDOG=1`, once every event
/// loop has turned since the last time. A loop that hangs keeps the notice from being sent.
///
/// A round asks every loop for one turn. The next round begins an interval after the last one did,
/// or once it has ended, if that is later.
struct Watchdog {
    enum Action: Equatable {
        case nothing
        /// Ask every loop for a turn: each calls `turned`.
        case ask
        /// Every loop has turned: notify the service manager.
        case notify
    }

    private let loopCount: Int
    /// How many loops have not turned in this round; 0 between rounds.
    private var missing = 0

    /// - Parameter loopCount: at least 1.
    init(loopCount: Int) {
        precondition(loopCount > 0, "Watchdog.init: no loops")
        self.loopCount = loopCount
    }

    /// An interval is over.
    mutating func intervalEnded() -> Action {
        guard missing == 0 else { return .nothing }
        missing = loopCount
        return .ask
    }

    /// A loop has turned.
    mutating func turned() -> Action {
        precondition(missing > 0, "turned() outside a round")
        missing -= 1
        return missing == 0 ? .notify : .nothing
    }
}
