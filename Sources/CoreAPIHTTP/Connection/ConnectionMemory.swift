package import CoreAPIBase

/// What the connections of one loop hold in memory, and when that is given back to the system.
///
/// A connection has a small buffer of its own. Only what it holds beyond that is counted, against
/// one bound for all loops together (docs/decisions/0018-memory.md).
///
/// Sendable by discipline: all but `init` is called on the loop's thread.
package final class ConnectionMemory: EventHandler, @unchecked Sendable {
    package private(set) var deadline = MonotonicTime.never

    private let loop: EventLoop
    private let buffers: BoundedCount
    private let trimming: BoundedCount
    private let trimBytesMin: Int
    private var held = 0
    /// The most that was held since the memory was last given back.
    private var peak = 0
    private var nextTrim = MonotonicTime(nanoseconds: 0)

    /// What a connection costs by itself, about: its object and two small buffers.
    package static let connectionBytes = 12 * 1024
    /// What may stay with the allocator, of all loops together.
    private static let idleBytesMax = 4 * 1024 * 1024
    /// After a fall, since more may follow at once.
    private static let pauseMilliseconds = 2_000
    private static let intervalMilliseconds = 10_000

    /// - Parameters:
    ///   - buffers: bytes of all loops' buffers.
    ///   - trimming: 1, taken while some loop's thread gives memory back.
    ///   - loopCount: how many loops share what may stay.
    package init(loop: EventLoop, buffers: BoundedCount, trimming: BoundedCount, loopCount: Int) {
        self.loop = loop
        self.buffers = buffers
        self.trimming = trimming
        trimBytesMin = ConnectionMemory.idleBytesMax / loopCount
        loop.addTimed(self)
    }

    /// The most that buffers may hold, of all loops together.
    package var buffersMax: Int { buffers.max }

    func connectionBegan() { changed(by: ConnectionMemory.connectionBytes) }
    func connectionEnded() { changed(by: -ConnectionMemory.connectionBytes) }

    /// Counts the bytes of a buffer that has grown. False if there is no room for them.
    package func take(_ byteCount: Int) -> Bool {
        guard buffers.take(byteCount) else { return false }
        changed(by: byteCount)
        return true
    }

    /// A buffer has shrunk.
    package func give(_ byteCount: Int) {
        buffers.give(byteCount)
        changed(by: -byteCount)
    }

    private func changed(by byteCount: Int) {
        held += byteCount
        peak = max(peak, held)
        guard peak - held >= trimBytesMin, deadline == .never else { return }
        let soon = loop.now.advanced(byMilliseconds: ConnectionMemory.pauseMilliseconds)
        deadline = max(soon, nextTrim)
        loop.bringForward(deadline)
    }

    /// The allocator keeps what is freed: it is told to give it back, on a thread of its own, since
    /// that takes some time.
    package func deadlineReached(now: MonotonicTime) {
        nextTrim = now.advanced(byMilliseconds: ConnectionMemory.intervalMilliseconds)
        deadline = nextTrim
        guard trimming.take() else { return }
        do {
            try Thread.start { [trimming] in
                Heap.trim()
                trimming.give()
            }
            peak = held
            deadline = .never
        } catch {
            trimming.give()
        }
    }
}
