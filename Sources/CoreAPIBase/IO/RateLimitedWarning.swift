internal import Synchronization

/// Lets a condition that may hold for every caller be logged once in ten seconds, from any thread.
package final class RateLimitedWarning: Sendable {
    private let next = Mutex(MonotonicTime(nanoseconds: 0))

    private static let intervalMilliseconds = 10_000

    package init() {}

    /// Whether a line is due now; if so, the next one is not before ten seconds have passed.
    package func isDue(at now: MonotonicTime) -> Bool {
        next.withLock { next in
            guard now >= next else { return false }
            next = now.advanced(byMilliseconds: RateLimitedWarning.intervalMilliseconds)
            return true
        }
    }
}
