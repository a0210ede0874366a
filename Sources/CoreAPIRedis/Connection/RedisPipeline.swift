internal import CoreAPIBase
internal import DequeModule

/// The commands of a connection to Redis that wait for their replies, oldest first, with their
/// bytes: those that were sent are kept until they are answered, so that they can be sent again.
struct RedisPipeline<Waiter> {
    typealias Resolution = RedisConnectionStateMachine<Waiter>.Resolution

    /// A command with one reply. It holds no references: reading a field of an element of a
    /// `Deque` copies the element.
    private struct Entry {
        /// False once the waiter has its result because its time is over.
        var hasWaiter = true
        let deadline: MonotonicTime
        /// Where its bytes are in `bytes`, counted from `base`.
        var range: Range<Int>
        /// Redis has answered that it does not execute it now.
        var isRefused = false
        /// Was wholly sent over a connection that broke before Redis answered.
        var mayBeExecuted = false

        func failure(_ error: RedisError) -> RedisFailure {
            mayBeExecuted ? .mayBeExecuted(error) : .notExecuted(error)
        }
    }

    private var entries: Deque<Entry> = []
    /// The waiter of each entry, at the same index; nil where `hasWaiter` is false.
    private var waiters: Deque<Waiter?> = []
    private var bytes: [UInt8] = []
    /// The position of the first of `bytes`; positions only grow while a connection lasts.
    private var base = 0
    /// The position up to which the kernel has taken the bytes.
    private var sent = 0

    /// A buffer that grew beyond this is given back once everything is answered, and bytes that are
    /// answered are removed from its front when there are more of them than this.
    private static var keptBytesMax: Int { 256 * 1024 }

    @inline(__always) var isEmpty: Bool { entries.isEmpty }
    /// Whether Redis is to answer a command, of which it may have only a part.
    var isAwaiting: Bool { !entries.isEmpty && entries[0].range.lowerBound < sent }
    var count: Int { entries.count }
    /// Bytes that are held for commands without an answer.
    var byteCount: Int { entries.isEmpty ? 0 : end - entries[0].range.lowerBound }

    private var end: Int { base + bytes.count }

    // MARK: - Commands

    mutating func append(
        _ command: RedisCommand, _ waiter: consuming Waiter, deadline: MonotonicTime
    ) {
        precondition(command.replyCount == 1, "append() of a command without exactly one reply")
        let start = end
        bytes += command.bytes
        entries.append(Entry(deadline: deadline, range: start..<end))
        waiters.append(waiter)
    }

    /// Hands the kernel what it has not got: see `RedisConnectionStateMachine.flush`.
    mutating func send(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        while sent < end {
            guard let count = try send(bytes, sent - base) else { return }
            sent += count
        }
        precondition(sent == end, "no more can be sent than there is")
    }

    // MARK: - Replies

    /// The next reply, which belongs to the oldest command.
    mutating func received(
        _ reply: RedisReply, isNode: Bool = false
    ) -> RedisConnectionAction<Resolution> {
        // A reply to nothing, or to a command that has not left yet, is none of Redis's.
        guard !entries.isEmpty, entries[0].range.upperBound <= sent else {
            return .fail(.protocolViolation)
        }
        if case .error(let error) = reply, error.isPassing, !(isNode && error.kind.concernsSlot) {
            entries[0].isRefused = true
            return .fail(.server(error))
        }
        let (entry, waiter) = removeFirst()
        guard let waiter else { return .none }
        return .resolve(Resolution(waiter: waiter, result: RedisPipeline.result(entry, reply)))
    }

    private static func result(
        _ entry: Entry, _ reply: RedisReply
    ) -> Result<RedisReply, RedisFailure> {
        if case .error(let error) = reply { return .failure(entry.failure(.server(error))) }
        return .success(reply)
    }

    private mutating func removeFirst() -> (Entry, Waiter?) {
        let entry = entries.removeFirst()
        let waiter = waiters.removeFirst()
        let answered = entry.range.upperBound
        if answered == end {
            base = end
            bytes.removeAll(keepingCapacity: bytes.capacity <= RedisPipeline.keptBytesMax)
        } else if answered - base > RedisPipeline.keptBytesMax {
            bytes.removeFirst(answered - base)
            base = answered
        }
        return (entry, waiter)
    }

    // MARK: - Ends

    /// The connection is gone: all that have a waiter are to be sent again, as a whole.
    mutating func rewind() {
        var kept: Deque<Entry> = []
        var keptBytes: [UInt8] = []
        for var entry in entries where entry.hasWaiter {
            if entry.range.upperBound <= sent, !entry.isRefused { entry.mayBeExecuted = true }
            let start = keptBytes.count
            keptBytes += bytes[(entry.range.lowerBound - base)..<(entry.range.upperBound - base)]
            entry.range = start..<keptBytes.count
            entry.isRefused = false
            kept.append(entry)
        }
        waiters.removeAll { $0 == nil }
        (entries, bytes) = (kept, keptBytes)
        (base, sent) = (0, 0)
    }

    /// Ends every wait.
    mutating func failAll(_ error: RedisError) -> [Resolution] {
        rewind()
        defer { self = RedisPipeline() }
        return zip(entries, waiters).compactMap { entry, waiter in
            waiter.map { Resolution(waiter: $0, result: .failure(entry.failure(error))) }
        }
    }

    // MARK: - Deadlines

    /// When the next wait is over; all commands have the same time, so they end in their order.
    @inline(__always) var deadline: MonotonicTime {
        for index in entries.indices where entries[index].hasWaiter {
            return entries[index].deadline
        }
        return .never
    }

    /// Without a connection: gives up the commands whose time is over.
    mutating func expire(before now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        let resolutions = abandon(before: now, error) { $0.failure(error) }
        if !resolutions.isEmpty { rewind() }
        return resolutions
    }

    /// With a connection: tells those whose time is over. Their replies may still come, so nobody
    /// knows whether their commands are executed.
    mutating func abandon(before now: MonotonicTime, _ error: RedisError) -> [Resolution] {
        abandon(before: now, error) { _ in .mayBeExecuted(error) }
    }

    private mutating func abandon(
        before now: MonotonicTime, _ error: RedisError, _ failure: (Entry) -> RedisFailure
    ) -> [Resolution] {
        var resolutions: [Resolution] = []
        for index in entries.indices {
            guard entries[index].deadline <= now else { break }
            let entry = entries[index]
            guard let waiter = waiters[index] else { continue }
            resolutions.append(Resolution(waiter: waiter, result: .failure(failure(entry))))
            entries[index].hasWaiter = false
            waiters[index] = nil
        }
        return resolutions
    }
}
