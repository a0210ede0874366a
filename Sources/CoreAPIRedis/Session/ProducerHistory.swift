internal import CoreAPIBase
internal import DequeModule

/// The messages that were confirmed lately, oldest first: they are sent again if Redis loses them.
/// Bounded in bytes and in time.
///
/// Messages are records (`ProducerRecord`) in chunks of bytes that are written in sequence and used
/// again, since memory that is new to the processor's caches costs more than the copy. A chunk is
/// forgotten as a whole.
struct ProducerHistory<Waiter> {
    private struct Chunk {
        var bytes: [UInt8] = []
        /// When the first and the last of its messages were confirmed.
        var since = MonotonicTime.never
        var until = MonotonicTime.never
        /// The highest number of its messages.
        var last = 0
    }

    /// Those that are full, oldest first.
    private var chunks: Deque<Chunk> = []
    /// Their bytes.
    private var byteCount = 0
    private var current = Chunk()
    /// The memory of a chunk that was forgotten.
    private var spare: [UInt8] = []
    /// When the oldest chunk need not be kept any more; `.never` without one.
    private var oldestEnd = MonotonicTime.never
    /// The highest number of a message that is no longer kept, or was not kept at all.
    private(set) var forgottenThrough = 0
    private let bytesMax: Int
    private let chunkBytesMax: Int
    private let batchMax: Int
    private let lifetimeMilliseconds: Int

    /// A chunk is at most an eighth of what is kept, in bytes and in time.
    private static var chunksMin: Int { 8 }
    private static var chunkBytesMax: Int { 64 * 1024 }

    init(_ limits: ProducerLimits) {
        bytesMax = limits.historyBytesMax
        chunkBytesMax = min(
            limits.historyBytesMax / ProducerHistory.chunksMin, ProducerHistory.chunkBytesMax)
        batchMax = limits.batchMax
        lifetimeMilliseconds = limits.historyMilliseconds
    }

    /// Keeps the messages of a batch that has its numbers.
    mutating func append(_ batch: borrowing ProducerBatch<Waiter>, at now: MonotonicTime) {
        guard bytesMax > 0 else {
            forgottenThrough = max(forgottenThrough, batch.last)
            return
        }
        if isCurrentFull(now) { endChunk() }
        if current.bytes.isEmpty { current.since = now }
        batch.appendRecords(to: &current.bytes)
        current.until = now
        current.last = max(current.last, batch.last)
        if chunks.isEmpty { oldestEnd = end(of: current) }
        while byteCount + current.bytes.count > bytesMax { removeFirst() }
    }

    private func isCurrentFull(_ now: MonotonicTime) -> Bool {
        if current.bytes.isEmpty { return false }
        let milliseconds = lifetimeMilliseconds / ProducerHistory.chunksMin
        return current.bytes.count >= chunkBytesMax
            || current.since.advanced(byMilliseconds: milliseconds) <= now
    }

    private mutating func endChunk() {
        byteCount += current.bytes.count
        chunks.append(exchange(&current, with: Chunk()))
        swap(&current.bytes, &spare)
    }

    private mutating func removeFirst() {
        var removed: Chunk
        if let oldest = chunks.popFirst() {
            removed = oldest
            byteCount -= removed.bytes.count
        } else {
            removed = exchange(&current, with: Chunk())
        }
        forgottenThrough = max(forgottenThrough, removed.last)
        removed.bytes.removeAll(keepingCapacity: true)
        spare = removed.bytes
        oldestEnd = end(of: chunks.first ?? current)
    }

    /// When `expire` is to be called; `.never` without a message. A second after the oldest chunk's
    /// time, so that an idle process does not wake for each batch.
    var deadline: MonotonicTime {
        oldestEnd == .never ? .never : oldestEnd.advanced(byMilliseconds: 1_000)
    }

    private func end(of chunk: Chunk) -> MonotonicTime {
        chunk.until == .never ? .never : chunk.until.advanced(byMilliseconds: lifetimeMilliseconds)
    }

    /// Forgets the chunks whose time is over.
    mutating func expire(before now: MonotonicTime) {
        while oldestEnd <= now { removeFirst() }
    }

    /// Removes the messages that a Redis has not applied, and returns them with their numbers.
    mutating func take(notIn applied: ProducerApplied) -> [ProducerBatch<Waiter>] {
        var lost: [ProducerBatch<Waiter>] = []
        for index in chunks.indices { take(notIn: applied, from: &chunks[index].bytes, &lost) }
        take(notIn: applied, from: &current.bytes, &lost)
        return lost
    }

    private func take(
        notIn applied: ProducerApplied, from bytes: inout [UInt8],
        _ lost: inout [ProducerBatch<Waiter>]
    ) {
        var position = 0
        while position < bytes.count {
            let record = ProducerRecord(at: position, in: bytes)
            let isApplied = applied.contains(
                record.number, former: record.formerNumbers,
                isKeyed: record.traits.isKeyed)
            if !record.isTaken, isApplied == false {
                ProducerRecord.setTaken(at: position, in: &bytes)
                let follows = lost.last.map { $0.last + 1 == record.number && $0.count < batchMax }
                if follows != true {
                    lost.append(ProducerBatch())
                    lost[lost.count - 1].first = record.number
                }
                lost[lost.count - 1].append(record, of: bytes)
            }
            position = record.wordRange.upperBound
        }
    }
}
