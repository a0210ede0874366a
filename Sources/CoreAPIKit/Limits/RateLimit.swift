public import CoreAPIBase

/// How many transactions of each user a queue accepts in a time.
///
/// `count` may come at once; then one for each `seconds / count`. Repeats of an idempotency key and
/// refused transactions do not count.
public struct RateLimit: Hashable, Sendable {
    /// Transactions of a user: 1 to 100,000.
    public let count: Int
    /// The time in which the count is free again, in seconds: 1 to 86,400.
    public let seconds: Int

    package static let countBounds = 1...100_000
    package static let secondsBounds = 1...86_400

    /// Throws if a number is out of its bounds.
    public init(count: Int, seconds: Int) throws(ArgumentError) {
        try ArgumentError.check(
            RateLimit.countBounds.contains(count), "count", "1 to 100,000")
        try ArgumentError.check(
            RateLimit.secondsBounds.contains(seconds), "seconds", "1 to 86,400")
        self.count = count
        self.seconds = seconds
    }

    /// The time in which the count is free again, in microseconds.
    var window: Int { seconds * 1_000_000 }
}

/// What a user's limit allows after a transaction.
package struct RateAllowance: Hashable, Sendable {
    /// How many more may come at once.
    package let remaining: Int
    /// Until there is one more, in whole seconds: at least 1.
    package let seconds: Int

    package init(remaining: Int, seconds: Int) {
        self.remaining = max(remaining, 0)
        self.seconds = max(seconds, 1)
    }
}
