/// Rate limit for a repeated warning: one log line in ten seconds. The first line is due at once.
package struct WarningLimit: Sendable {
    private static let intervalMilliseconds = 10_000

    /// Earliest time of the next warning.
    private var next = MonotonicTime(nanoseconds: 0)

    package init() {}

    /// Whether a line is due now. If true, the next line is due in ten seconds.
    package mutating func isDue(now: MonotonicTime) -> Bool {
        guard now >= next else { return false }
        next = now.advanced(byMilliseconds: WarningLimit.intervalMilliseconds)
        return true
    }
}
