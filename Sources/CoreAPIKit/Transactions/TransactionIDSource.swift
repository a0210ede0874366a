internal import CoreAPIBase
internal import Synchronization

/// Makes random identities in batches of sixteen, which saves system calls: the system's generator
/// needs two calls for one identity.
///
/// Each intake has its own source, so that event loops do not contend for one.
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
