internal import CoreAPIBase

/// So that a fault that lasts, or comes again and again, does not fill a log: one line in ten
/// seconds, the first at once.
struct WarningLimit {
    private static let pauseMilliseconds = 10_000

    private var next: MonotonicTime?

    /// Whether a line may be written now.
    mutating func isDue(now: MonotonicTime) -> Bool {
        if let next, now < next { return false }
        next = now.advanced(byMilliseconds: WarningLimit.pauseMilliseconds)
        return true
    }
}
