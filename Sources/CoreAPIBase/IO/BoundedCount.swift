internal import Synchronization

/// A number that all loops add to and take from, up to a bound.
package final class BoundedCount: Sendable {
    package let max: Int

    private let count = Atomic(0)

    package init(max: Int) { self.max = max }

    /// The number at this moment.
    package var now: Int { count.load(ordering: .relaxed) }

    /// Adds to the number, unless that were more than the bound.
    package func take(_ amount: Int = 1) -> Bool {
        var value = count.load(ordering: .relaxed)
        while value <= max - amount {
            let (exchanged, original) = count.weakCompareExchange(
                expected: value, desired: value + amount, ordering: .relaxed)
            if exchanged { return true }
            value = original
        }
        return false
    }

    /// Gives back what was taken.
    package func give(_ amount: Int = 1) { count.subtract(amount, ordering: .relaxed) }
}
