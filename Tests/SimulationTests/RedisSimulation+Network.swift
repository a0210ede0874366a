@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The simulated network: it fragments, delays and cuts bytes, and may deliver a command late.
extension RedisSimulation {
    /// Whether anything may happen still.
    var isRough: Bool { schedule.kind == .rough && elapsed < schedule.lastFaultEnd }

    // MARK: - From the client

    /// The number of bytes that the kernel accepts; nil if the write would block.
    func take(
        _ bytes: ArraySlice<UInt8>, over connection: SimulatedConnection
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

    func send(_ bytes: ArraySlice<UInt8>, over connection: SimulatedConnection) {
        tell("sends \(bytes.count) bytes (\(connection.number))")
        guard !connection.isClosedByServer else { return }
        connection.toServer += bytes
        for count in fragments(of: bytes.count) {
            connection.lastToServer = max(connection.lastToServer, delivery())
            queue.add(.toServer(connection, count), at: connection.lastToServer)
        }
    }

    private func fragments(of count: Int) -> [Int] {
        guard count > 1, random.chance(50) else { return [count] }
        let first = random.integer(1...(count - 1))
        return [first, count - first]
    }

    private func delivery() -> MonotonicTime {
        let isSlow = isRough && random.chance(4)
        let delay = isSlow ? random.integer(100_000...3_000_000) : random.integer(50...3_000)
        return MonotonicTime(nanoseconds: now.nanoseconds + UInt64(delay) * 1_000)
    }

    func deliverToServer(_ connection: SimulatedConnection, _ count: Int) {
        guard !connection.isClosedByClient, !connection.isClosedByServer else { return }
        connection.parser.feed(connection.toServer.prefix(count))
        connection.toServer.removeFirst(count)
        process(connection)
    }

    /// The client has closed its side, or its connection broke. Some of the bytes in transit, from
    /// none to all, still arrive, perhaps much later.
    func closeByClient(_ connection: SimulatedConnection) {
        connection.isClosedByClient = true
        guard !connection.isClosedByServer, !connection.toServer.isEmpty else { return }
        if random.chance(50) {
            let count = random.integer(0...connection.toServer.count)
            connection.toServer = Array(connection.toServer.prefix(count))
        }
        after(
            random.chance(60) ? random.integer(0...400) : random.integer(400...9_000),
            .lateToServer(connection))
    }

    func deliverLate(_ connection: SimulatedConnection) {
        guard !connection.isClosedByServer else { return }
        tell("\(connection.toServer.count) bytes arrive late (\(connection.number))")
        connection.parser.feed(connection.toServer[...])
        connection.toServer = []
        process(connection)
    }

    // MARK: - To the client

    func reply(_ bytes: [UInt8], over connection: SimulatedConnection) {
        guard !connection.isClosedByClient else { return }
        connection.toClient += bytes
        for count in fragments(of: bytes.count) {
            connection.lastToClient = max(connection.lastToClient, delivery())
            queue.add(.toClient(connection, count), at: connection.lastToClient)
        }
    }

    func deliverToClient(_ connection: SimulatedConnection, _ count: Int) {
        guard connection === self.connection, !outgoing.isConnecting else { return }
        let fragment = Array(connection.toClient.prefix(count))
        connection.toClient.removeFirst(count)
        reader.feed(fragment.span)
        takeReplies()
    }

    /// The client learns, or not, that the process at the other end is gone.
    func closeByServer(_ connection: SimulatedConnection, isSilent: Bool) {
        guard !connection.isClosedByServer else { return }
        connection.isClosedByServer = true
        connection.toServer = []
        connection.barrier = nil
        guard !isSilent else { return }
        connection.lastToClient = max(connection.lastToClient, delivery())
        queue.add(.endOfStream(connection), at: connection.lastToClient)
    }
}
