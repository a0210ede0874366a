/// The pause before each new attempt: it doubles from one failure to the next, up to a bound, and
/// is drawn at random from its upper half, so that many clients do not come back at once.
package struct Backoff: Sendable {
    package let millisecondsMin: Int
    package let millisecondsMax: Int
    /// Failures since the last success.
    package private(set) var failures = 0

    /// The doublings that are counted: more would overflow, and the bound is reached long before.
    private static let doublingsMax = 20

    /// - Parameters:
    ///   - millisecondsMin: the pause after the first failure, at least 1.
    ///   - millisecondsMax: the longest pause, at most a day.
    package init(millisecondsMin: Int, millisecondsMax: Int) {
        precondition(
            1...86_400_000 ~= millisecondsMin, "Backoff.init: millisecondsMin out of bounds")
        precondition(
            millisecondsMin...86_400_000 ~= millisecondsMax,
            "Backoff.init: millisecondsMax out of bounds")
        self.millisecondsMin = millisecondsMin
        self.millisecondsMax = millisecondsMax
    }

    /// Counts a failure and returns the pause that follows it, in milliseconds.
    ///
    /// - Parameter jitter: 0 to 1, at random.
    package mutating func failed(jitter: Double) -> Int {
        let doubled = millisecondsMin << min(failures, Backoff.doublingsMax)
        failures += 1
        return Int(Double(min(doubled, millisecondsMax)) * (0.5 + jitter / 2))
    }

    /// Forgets the failures before.
    package mutating func succeeded() { failures = 0 }
}
