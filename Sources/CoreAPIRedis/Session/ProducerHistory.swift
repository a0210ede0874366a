internal import CoreAPIBase

/// The batches that were confirmed lately, oldest first: they are sent again if Redis loses them.
/// Bounded in bytes and in time.
struct ProducerHistory<Waiter> {
    private var batches: MovingQueue<ProducerBatch<Waiter>> = []
    private var byteCount = 0
    /// When the oldest batch need not be kept any more, if there is one: to read it from the batch
    /// would copy that.
    private var oldestEnd = MonotonicTime.never
    /// The highest number of a message that is no longer kept, or was not kept at all.
    private(set) var forgottenThrough = 0
    private let bytesMax: Int
    private let lifetimeMilliseconds: Int

    init(_ limits: ProducerLimits) {
        bytesMax = limits.historyBytesMax
        lifetimeMilliseconds = limits.historyMilliseconds
    }

    /// Keeps a batch that has its numbers and no waiters.
    mutating func append(_ batch: consuming ProducerBatch<Waiter>) {
        guard bytesMax > 0 else {
            forgottenThrough = max(forgottenThrough, batch.last)
            return
        }
        if batches.isEmpty { oldestEnd = end(of: batch) }
        byteCount += ProducerHistory.size(of: batch)
        batches.append(batch)
        while byteCount > bytesMax, !batches.isEmpty { removeFirst() }
    }

    private mutating func removeFirst() {
        if let removed = batches.popFirst() {
            byteCount -= ProducerHistory.size(of: removed)
            forgottenThrough = max(forgottenThrough, removed.last)
        }
        if let oldest = batches.first { oldestEnd = end(of: oldest) }
    }

    private static func size(of batch: ProducerBatch<Waiter>) -> Int {
        batch.allocatedBytes + MemoryLayout<ProducerBatch<Waiter>>.stride
    }

    /// When `expire` is to be called; `.never` without a batch. A second after the oldest batch's
    /// time, so that an idle process does not wake for each batch.
    var deadline: MonotonicTime {
        batches.isEmpty ? .never : oldestEnd.advanced(byMilliseconds: 1_000)
    }

    private func end(of batch: ProducerBatch<Waiter>) -> MonotonicTime {
        batch.confirmedAt.advanced(byMilliseconds: lifetimeMilliseconds)
    }

    /// Forgets the batches whose time is over.
    mutating func expire(before now: MonotonicTime) {
        while !batches.isEmpty, oldestEnd <= now { removeFirst() }
    }

    /// Removes the messages that a Redis has not applied, and returns them.
    mutating func take(notIn applied: ProducerApplied) -> [ProducerBatch<Waiter>] {
        var lost: [ProducerBatch<Waiter>] = []
        var kept: MovingQueue<ProducerBatch<Waiter>> = []
        for batch in batches {
            let isLost = batch.messages.indices.map {
                batch.isApplied($0, in: applied) == false
            }
            guard isLost.contains(true) else {
                kept.append(batch)
                continue
            }
            lost += batch.runs { index, _ in isLost[index] }
            for run in batch.runs(where: { index, _ in !isLost[index] }) { kept.append(run) }
        }
        batches = kept
        if let oldest = batches.first { oldestEnd = end(of: oldest) }
        byteCount = kept.reduce(0) { $0 + ProducerHistory.size(of: $1) }
        return lost
    }
}
