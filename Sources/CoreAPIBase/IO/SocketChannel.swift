/// A connected socket of a loop, and what the loop knows of it: whether it is worth while to ask
/// the kernel to read or write. It belongs to the loop's thread.
///
/// It is closed by `close`, not by letting go of it, since the loop knows its handler until then.
package struct SocketChannel: ~Copyable {
    /// What a read brought.
    package enum ReadResult: Equatable {
        case bytes(Int)
        case nothingYet
        case endOfStream
    }

    private let loop: EventLoop
    private let socket: Socket
    /// Whether `read` may find something.
    private var mayRead = true
    /// Whether `write` may be taken.
    private var mayWrite = true
    private var hasEnded = false

    package init(_ socket: consuming Socket, on loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// Tells the handler, and it alone, when the socket is ready.
    package func register(_ handler: any EventHandler) throws(SystemError) {
        try loop.register(handler, for: socket)
    }

    /// Ends the connection.
    package func close() { loop.unregister(socket) }

    /// Appends what has arrived to the buffer.
    ///
    /// - Parameter bytesMax: 1 to `EventLoop.readBytesMax`.
    package mutating func read(
        into buffer: inout [UInt8], atMost bytesMax: Int = EventLoop.readBytesMax
    ) throws(SystemError) -> ReadResult {
        guard mayRead else { return .nothingYet }
        let count = try loop.read(socket, atMost: bytesMax) { bytes in
            let needed = buffer.count + bytes.count
            // An array doubles by itself: of large ones, half might never be used.
            if needed > buffer.capacity, needed > SocketChannel.doubledBytesMax {
                buffer.reserveCapacity(SocketChannel.capacity(for: needed))
            }
            unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
        }
        // Fewer than there was room for: nothing is left, unless the end of the stream is. So the
        // next read waits for the loop, instead of asking the kernel in vain.
        if (count ?? 0) < bytesMax, !hasEnded { mayRead = false }
        guard let count else { return .nothingYet }
        return count == 0 ? .endOfStream : .bytes(count)
    }

    /// A buffer that is smaller than this may double.
    private static let doubledBytesMax = 2_000
    private static let pageBytes = 4_096
    /// What an array, and the allocator for it, need beside the bytes.
    private static let overheadBytes = 64

    /// How large a buffer is made to hold this much: a page or several, less what the array needs
    /// itself.
    package static func capacity(for byteCount: Int) -> Int {
        let pages = (byteCount + overheadBytes + pageBytes - 1) / pageBytes
        return pages * pageBytes - overheadBytes
    }

    /// Sends from the buffer's position on: how many bytes the kernel took, which may be none.
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

    /// The handler was told that the socket is ready.
    package mutating func update(_ readiness: SocketReadiness) {
        if readiness.contains(.ended) { hasEnded = true }
        if readiness.contains(.readable) { mayRead = true }
        if readiness.contains(.writable) { mayWrite = true }
    }

    /// Lets the next read ask the kernel, whatever the loop knows.
    package mutating func readAgain() { mayRead = true }
}
