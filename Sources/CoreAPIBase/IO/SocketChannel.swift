/// A connected socket of a loop and its readiness, which avoids reads and writes that would block.
/// Only the loop's thread uses it.
///
/// The owner calls `close` before it releases the channel, because the loop holds the socket's
/// handler until then.
package struct SocketChannel: ~Copyable {
    /// The result of a read.
    package enum ReadResult: Equatable {
        case bytes(Int)
        case nothingYet
        case endOfStream
    }

    private let loop: EventLoop
    private let socket: Socket
    /// Whether a read may return bytes or the end of the stream. False: it would block.
    private var mayRead = true
    /// Whether the kernel may take bytes. False: a write would block.
    private var mayWrite = true
    private var hasEnded = false

    package init(_ socket: consuming Socket, on loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// Registers the socket's only handler with the loop.
    package func register(_ handler: any EventHandler) throws(SystemError) {
        try loop.register(handler, for: socket)
    }

    /// Unregisters the socket. The kernel closes the connection when the channel is released.
    package func close() { loop.unregister(socket) }

    /// The numeric address of the peer; empty if it has ended, and of a Unix socket.
    package var peerHost: String { (try? socket.peerAddress().host) ?? "" }

    /// Appends the bytes of one read to the buffer.
    ///
    /// - Parameter bytesMax: 1 to `EventLoop.readBytesMax`.
    package mutating func read(
        into buffer: inout [UInt8], atMost bytesMax: Int = EventLoop.readBytesMax
    ) throws(SystemError) -> ReadResult {
        guard mayRead else { return .nothingYet }
        let count = try loop.read(socket, atMost: bytesMax) { bytes in
            let needed = buffer.count + bytes.count
            // An array doubles its capacity. Half of a large capacity might never be used.
            if needed > buffer.capacity, needed > SocketChannel.doubledBytesMax {
                buffer.reserveCapacity(SocketChannel.capacity(for: needed))
            }
            unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
        }
        // A short read has emptied the kernel's buffer, except for the end of the stream. The next
        // read waits until the loop reports readiness.
        if (count ?? 0) < bytesMax, !hasEnded { mayRead = false }
        guard let count else { return .nothingYet }
        return count == 0 ? .endOfStream : .bytes(count)
    }

    /// A buffer of at most this size may double its capacity.
    private static let doubledBytesMax = 2_000
    private static let pageBytes = 4_096
    /// The bytes that an array's header and the allocator's header occupy.
    private static let overheadBytes = 64

    /// The capacity of a buffer for this many bytes: whole pages, without the overhead.
    package static func capacity(for byteCount: Int) -> Int {
        let pages = (byteCount + overheadBytes + pageBytes - 1) / pageBytes
        return pages * pageBytes - overheadBytes
    }

    /// Sends the buffer's bytes from `position` on and returns how many the kernel took; 0 if the
    /// send would block.
    package mutating func write(
        _ bytes: [UInt8], from position: Int
    ) throws(SystemError) -> Int {
        guard mayWrite else { return 0 }
        guard let count = try socket.send(bytes, from: position) else {
            mayWrite = false
            return 0
        }
        return count
    }

    package func shutdownWriting() { socket.shutdownWriting() }

    /// Records the readiness that the loop reported to the handler.
    package mutating func update(_ readiness: SocketReadiness) {
        if readiness.contains(.ended) { hasEnded = true }
        if readiness.contains(.readable) { mayRead = true }
        if readiness.contains(.writable) { mayWrite = true }
    }

    /// Makes the next `read` call the kernel even if the loop has reported no readiness.
    package mutating func forceRead() { mayRead = true }
}
