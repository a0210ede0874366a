internal import CoreAPIBase
internal import Synchronization

/// Makes random identities, from the system's generator as `TransactionID.random` does, but asks
/// it for sixteen at once: it takes two system calls for one.
///
/// Each intake has its own, so that loops do not share it.
final class TransactionIDSource: Sendable {
    private let pool = Mutex(Pool())

    private struct Pool {
        private var words = InlineArray<32, UInt64>(repeating: 0)
        private var taken = SystemRandom.wordsMax

        mutating func next() -> UInt64 {
            if taken == SystemRandom.wordsMax {
                words = SystemRandom.words()
                taken = 0
            }
            defer { taken += 1 }
            return words[taken]
        }
    }

    func next() -> TransactionID {
        pool.withLock { pool in TransactionID(high: pool.next(), low: pool.next()) }
    }
}
