internal import CoreAPIBase
internal import Synchronization

/// The pauses of operators' walks over dead letters: while one of them runs, callers have at least
/// three quarters of Redis's time. A pause is three times as long as the command before it. A page
/// or a count needs no pause: what it takes, the next walk waits for.
final class DeadLetterPace: Sendable {
    private let pauseEnd = Mutex(MonotonicTime.now())

    private static let pauseFactor: Int64 = 3
    /// Pauses of together so many nanoseconds may be owed: some 60 ms of commands.
    private static let owedNanosecondsMax: Int64 = 180_000_000
    /// A command that took longer waited for something else than Redis's work at it.
    private static let pauseNanosecondsMax: Int64 = 1_000_000_000

    /// Waits for the end of the pause.
    ///
    /// - Returns: when the next command begins.
    func next() async -> MonotonicTime {
        let nanoseconds =
            pauseEnd.withLock { $0 }.nanoseconds(since: .now()) - DeadLetterPace.owedNanosecondsMax
        if nanoseconds > 0 { try? await Task.sleep(for: .nanoseconds(nanoseconds)) }
        return .now()
    }

    /// Begins the pause after a command.
    func ended(since began: MonotonicTime) {
        let now = MonotonicTime.now()
        let pause = min(
            now.nanoseconds(since: began) * DeadLetterPace.pauseFactor,
            DeadLetterPace.pauseNanosecondsMax)
        pauseEnd.withLock { end in
            end = MonotonicTime(nanoseconds: max(end.nanoseconds, now.nanoseconds) + UInt64(pause))
        }
    }
}
