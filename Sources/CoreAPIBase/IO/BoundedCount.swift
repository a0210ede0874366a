internal import Synchronization

/// A counter with an upper bound that all loops share.
package final class BoundedCount: Sendable {
    package let max: Int

    private let count = Atomic(0)

    package init(max: Int) { self.max = max }

    /// The current count.
    package var now: Int { count.load(ordering: .relaxed) }

    /// Adds `amount` and returns true; changes nothing and returns false if the count would exceed
    /// `max`.
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

    /// Subtracts an amount that `take` added.
    package func give(_ amount: Int = 1) { count.subtract(amount, ordering: .relaxed) }
}
