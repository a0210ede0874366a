@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The simulated network: it fragments, delays and cuts bytes, and may deliver a command late.
extension ConnectionSimulation {
    // MARK: - From the client

    /// The number of bytes that the kernel accepts; nil if the write would block.
    final func take(
        _ bytes: ArraySlice<UInt8>, over connection: Connection
    ) throws(SystemError) -> Int? {
        if connection.isClosedByServer, random.chance(50) {
            throw SystemError(code: 32, call: "send")
        }
        if connection.isFull { return nil }
        guard bytes.count > 1, random.chance(20) else {
            send(bytes, over: connection)
            return bytes.count
        }
        let count = random.integer(1...(bytes.count - 1))
        connection.isFull = true
        after(random.integer(1...30), .writable(connection))
        send(bytes.prefix(count), over: connection)
        return count
    }

    final func send(_ bytes: ArraySlice<UInt8>, over connection: Connection) {
        tell("sends \(bytes.count) bytes (\(connection.number))")
        guard !connection.isClosedByServer else { return }
        connection.toServer += bytes
        for count in fragments(of: bytes.count) {
            connection.lastToServer = max(connection.lastToServer, arrival())
            queue.add(.toServer(connection, count), at: connection.lastToServer)
        }
    }

    private func fragments(of count: Int) -> [Int] {
        guard count > 1, random.chance(50) else { return [count] }
        let first = random.integer(1...(count - 1))
        return [first, count - first]
    }

    private func arrival() -> MonotonicTime {
        MonotonicTime(nanoseconds: now.nanoseconds + UInt64(latency()) * 1_000)
    }

    final func deliverToServer(_ connection: Connection, _ count: Int) {
        guard !connection.isClosedByClient, !connection.isClosedByServer else { return }
        connection.parser.feed(connection.toServer.prefix(count))
        connection.toServer.removeFirst(count)
        process(connection)
    }

    /// The client has closed its side, or was cut off. A part of what is under way, from nothing to
    /// all, still arrives, perhaps much later.
    final func closeByClient(_ connection: Connection) {
        connection.isClosedByClient = true
        guard !connection.isClosedByServer, !connection.toServer.isEmpty else { return }
        if random.chance(50) {
            let count = random.integer(0...connection.toServer.count)
            connection.toServer = Array(connection.toServer.prefix(count))
        }
        if let milliseconds = holdTime() { after(milliseconds, .lateToServer(connection)) }
    }

    final func deliverLate(_ connection: Connection) {
        guard !connection.isClosedByServer else { return }
        tell("\(connection.toServer.count) bytes arrive late (\(connection.number))")
        connection.parser.feed(connection.toServer[...])
        connection.toServer = []
        process(connection)
    }

    // MARK: - To the client

    /// The next command that a server has received wholly over the connection.
    final func nextCommand(_ connection: Connection) -> [String]? {
        let words = connection.parser.next()
        if connection.parser.isBroken { violate("what was sent is not the Redis protocol") }
        return words
    }

    final func reply(_ reply: RedisReply, over connection: Connection) {
        guard !connection.isClosedByClient, !connection.isClosedByServer else { return }
        let bytes = reply.encoded
        connection.toClient += bytes
        for count in fragments(of: bytes.count) {
            connection.lastToClient = max(connection.lastToClient, arrival())
            queue.add(.toClient(connection, count), at: connection.lastToClient)
        }
    }

    final func deliverToClient(_ connection: Connection, _ count: Int) {
        guard connection === self.connection, !outgoing.isConnecting else { return }
        let fragment = Array(connection.toClient.prefix(count))
        connection.toClient.removeFirst(count)
        reader.feed(fragment.span)
        takeReplies()
    }

    /// The client's kernel closes the connection.
    final func cut() {
        if let connection, !outgoing.isConnecting {
            queue.add(.endOfStream(connection), at: now)
        }
    }

    /// The server's process is gone; the client learns it, or not.
    final func closeByServer(_ connection: Connection, isSilent: Bool) {
        guard !connection.isClosedByServer else { return }
        connection.isClosedByServer = true
        connection.toServer = []
        guard !isSilent else { return }
        connection.lastToClient = max(connection.lastToClient, arrival())
        queue.add(.endOfStream(connection), at: connection.lastToClient)
    }
}
