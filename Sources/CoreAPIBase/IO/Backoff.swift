/// Exponential backoff with jitter. The pause doubles with each failure up to a bound. A random
/// value from its upper half is used, so that many clients do not retry at once.
package struct Backoff: Sendable {
    package let millisecondsMin: Int
    package let millisecondsMax: Int
    /// Failures since the last success.
    package private(set) var failures = 0

    /// Limits the shift: more doublings overflow, and the pause reaches its bound long before.
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
    /// - Parameter jitter: a random number from 0 to 1.
    package mutating func failed(jitter: Double) -> Int {
        let doubled = millisecondsMin << min(failures, Backoff.doublingsMax)
        failures += 1
        return Int(Double(min(doubled, millisecondsMax)) * (0.5 + jitter / 2))
    }

    /// Resets the backoff after a success.
    package mutating func succeeded() { failures = 0 }
}
