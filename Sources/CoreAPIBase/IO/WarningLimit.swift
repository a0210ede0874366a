/// Limits a warning whose condition lasts, or comes again and again, to one line in ten seconds;
/// the first line is due at once.
package struct WarningLimit: Sendable {
    private static let intervalMilliseconds = 10_000

    private var next = MonotonicTime(nanoseconds: 0)

    package init() {}

    /// Whether a line may be written now.
    package mutating func isDue(now: MonotonicTime) -> Bool {
        guard now >= next else { return false }
        next = now.advanced(byMilliseconds: WarningLimit.intervalMilliseconds)
        return true
    }
}
