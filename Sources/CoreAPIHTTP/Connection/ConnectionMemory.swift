package import CoreAPIBase

/// Tracks the memory of one loop's connections and returns free memory to the system.
///
/// Each connection owns a small buffer. Bytes beyond that buffer count against one limit for all
/// loops (docs/decisions/0018-memory.md).
///
/// Sendable by discipline: only the loop's thread calls it, except for `init`.
package final class ConnectionMemory: EventHandler, @unchecked Sendable {
    package private(set) var deadline = MonotonicTime.never

    private let loop: EventLoop
    private let buffers: BoundedCount
    private let trimming: BoundedCount
    private let trimBytesMin: Int
    private var held = 0
    /// The peak of `held` since memory was last returned to the system.
    private var peak = 0
    private var nextTrim = MonotonicTime(nanoseconds: 0)

    /// Approximate memory of an idle connection: its object and two small buffers.
    package static let connectionBytes = 12 * 1024
    /// Freed memory that the allocator may keep, for all loops together.
    private static let idleBytesMax = 4 * 1024 * 1024
    /// Pause after memory was freed, since more may be freed soon.
    private static let pauseMilliseconds = 2_000
    private static let intervalMilliseconds = 10_000

    /// - Parameters:
    ///   - buffers: the shared count of buffer bytes.
    ///   - trimming: a shared count with the limit 1; taken while a thread trims the heap.
    ///   - loopCount: the number of loops that share `idleBytesMax`.
    package init(loop: EventLoop, buffers: BoundedCount, trimming: BoundedCount, loopCount: Int) {
        self.loop = loop
        self.buffers = buffers
        self.trimming = trimming
        trimBytesMin = ConnectionMemory.idleBytesMax / loopCount
        loop.addTimed(self)
    }

    /// The limit of buffer bytes, for all loops together.
    package var buffersMax: Int { buffers.max }

    func connectionBegan() { changed(by: ConnectionMemory.connectionBytes) }
    func connectionEnded() { changed(by: -ConnectionMemory.connectionBytes) }

    /// Counts the bytes of a buffer that has grown. False if the limit would be exceeded.
    package func take(_ byteCount: Int) -> Bool {
        guard buffers.take(byteCount) else { return false }
        changed(by: byteCount)
        return true
    }

    /// Subtracts the bytes of a buffer that has shrunk.
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

    /// Trims the heap on a separate thread, because the allocator keeps freed memory and the trim
    /// takes milliseconds.
    package func deadlineReached(now: MonotonicTime) {
        nextTrim = now.advanced(byMilliseconds: ConnectionMemory.intervalMilliseconds)
        deadline = nextTrim
        guard trimming.take() else { return }
        do {
            try Thread.start(named: "core-api-trim") { [trimming] in
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
