internal import CoreMetrics
internal import Synchronization

/// The value of one counter series, safe to increment on any thread.
final class CounterCell: CounterHandler {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func increment() { count.wrappingAdd(1, ordering: .relaxed) }

    func increment(by amount: Int64) {
        precondition(amount >= 0, "increment(by:) with a negative amount")
        count.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    func reset() { count.store(0, ordering: .relaxed) }
}
