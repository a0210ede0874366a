internal import CoreAPIBase
internal import DequeModule

/// The batches that were confirmed lately, oldest first: what can be sent again if Redis turns out
/// to have lost it. Bounded in bytes and in time.
struct ProducerHistory<Waiter> {
    private var batches: Deque<ProducerBatch<Waiter>> = []
    private var byteCount = 0
    private let bytesMax: Int
    private let lifetimeMilliseconds: Int

    init(_ limits: ProducerLimits) {
        bytesMax = limits.historyBytesMax
        lifetimeMilliseconds = limits.historyMilliseconds
    }

    /// Keeps a batch that has its numbers and no waiters.
    mutating func append(_ batch: ProducerBatch<Waiter>) {
        guard bytesMax > 0 else { return }
        batches.append(batch)
        byteCount += batch.byteCount
        while byteCount > bytesMax { removeFirst() }
    }

    private mutating func removeFirst() { byteCount -= batches.removeFirst().byteCount }

    /// When the oldest batch is no longer kept; `.never` without any.
    var deadline: MonotonicTime {
        batches.first?.confirmedAt.advanced(byMilliseconds: lifetimeMilliseconds) ?? .never
    }

    /// Forgets the batches whose time is over.
    mutating func expire(before now: MonotonicTime) {
        while deadline <= now { removeFirst() }
    }

    /// Removes the messages with numbers above `number`, and returns those of them that another
    /// Redis than `run` has confirmed: the same Redis has not lost them, somebody removed them.
    mutating func take(after number: Int, confirmedOutside run: String) -> [ProducerBatch<Waiter>] {
        var taken: [ProducerBatch<Waiter>] = []
        while let batch = batches.last, batch.last > number {
            batches.removeLast()
            byteCount -= batch.byteCount
            if batch.first <= number { keepStart(of: batch, through: number) }
            guard batch.run != run else { continue }
            taken.append(batch.filtered { index, _ in batch.first + index > number })
        }
        return taken.reversed()
    }

    /// Puts the messages back that Redis still has.
    private mutating func keepStart(of batch: ProducerBatch<Waiter>, through number: Int) {
        var start = batch.filtered { index, _ in batch.first + index <= number }
        (start.first, start.run, start.confirmedAt) = (batch.first, batch.run, batch.confirmedAt)
        batches.append(start)
        byteCount += start.byteCount
    }
}
