/// A connected socket for one task of its loop: it reads, writes, and waits with a deadline.
///
/// Sendable by discipline: it is used on its loop's thread alone. One task waits at a time. The
/// channel is closed by `close`, not by letting go of it, since the loop knows it until then.
package final class SocketChannel: EventHandler, @unchecked Sendable {
    /// How a wait ended.
    package enum Wakeup {
        /// The socket may be ready: try again.
        case ready
        case timedOut
        /// Somebody called `interrupt`.
        case interrupted
    }

    /// What a read brought.
    package enum ReadResult: Equatable {
        case bytes(Int)
        case nothingYet
        case endOfStream
    }

    private let loop: EventLoop
    private let socket: Socket
    private var mayRead = true
    private var mayWrite = true
    private var hasEnded = false
    private var waiter: Suspension<Wakeup>?
    private var waitsForRead = false
    package private(set) var deadline = MonotonicTime.never

    package init(_ socket: consuming Socket, on loop: EventLoop) throws(SystemError) {
        self.socket = socket
        self.loop = loop
        try loop.register(self, for: self.socket)
    }

    /// Ends the connection. Nobody may be waiting.
    package func close() {
        precondition(waiter == nil, "a channel is closed by the task that uses it")
        loop.unregister(socket)
    }

    // MARK: - Reading and writing

    /// Appends what has arrived to the buffer, at most 64 KiB in one call.
    package func read(into buffer: inout [UInt8]) throws(SystemError) -> ReadResult {
        guard mayRead else { return .nothingYet }
        let count = try loop.read(socket) { bytes in
            unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
        }
        // Fewer than there was room for: nothing is left, unless the end of the stream is. So the
        // next read waits for the loop, instead of asking the kernel in vain.
        if (count ?? 0) < EventLoop.readBytesMax, !hasEnded { mayRead = false }
        guard let count else { return .nothingYet }
        return count == 0 ? .endOfStream : .bytes(count)
    }

    /// Sends from the buffer's position on: how many bytes the kernel took, which may be none.
    package func write(_ bytes: [UInt8], from position: Int) throws(SystemError) -> Int {
        guard mayWrite else { return 0 }
        guard let count = try socket.send(bytes, from: position) else {
            mayWrite = false
            return 0
        }
        return count
    }

    package func shutdownWriting() { socket.shutdownWriting() }

    // MARK: - Waiting

    /// Returns when `read` may find something.
    package func waitUntilReadable(before deadline: MonotonicTime) async -> Wakeup {
        mayRead ? .ready : await wait(before: deadline, forRead: true)
    }

    /// Returns when `write` may be taken.
    package func waitUntilWritable(before deadline: MonotonicTime) async -> Wakeup {
        mayWrite ? .ready : await wait(before: deadline, forRead: false)
    }

    /// Ends a wait for something to read, if there is one. The next read asks the kernel, whatever
    /// the loop knows.
    package func interrupt() {
        mayRead = true
        if waitsForRead { wake(.interrupted) }
    }

    private func wait(before deadline: MonotonicTime, forRead: Bool) async -> Wakeup {
        precondition(waiter == nil, "one task waits at a time")
        self.deadline = deadline
        waitsForRead = forRead
        loop.bringForward(deadline)
        return await Suspension.value { waiter = $0 }
    }

    private func wake(_ wakeup: Wakeup) {
        guard let suspended = waiter else { return }
        waiter = nil
        waitsForRead = false
        deadline = .never
        suspended.resume(returning: wakeup)
    }

    // MARK: - Events

    package func ready(_ readiness: SocketReadiness) {
        if readiness.contains(.ended) { hasEnded = true }
        if readiness.contains(.readable) { mayRead = true }
        if readiness.contains(.writable) { mayWrite = true }
        if readiness.contains(waitsForRead ? .readable : .writable) { wake(.ready) }
    }

    package func deadlineReached(now: MonotonicTime) { wake(.timedOut) }
}
