internal import CoreAPIBase
internal import DequeModule

/// The commands of a connection to Redis that wait for their replies, oldest first, with their
/// bytes: those that were sent are kept until they are answered, so that they can be sent again.
struct RedisPipeline<Waiter> {
    typealias Resolution = RedisConnectionStateMachine<Waiter>.Resolution

    /// A command, or a barrier, with one reply. It holds no references: reading a field of an
    /// element of a `Deque` copies the element.
    private struct Entry {
        /// False for a barrier, and once the waiter has its result because its time is over.
        var hasWaiter: Bool
        let deadline: MonotonicTime
        let isBarrier: Bool
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
    /// The replies of those at the head that wait for a barrier.
    private var answers: Deque<RedisReply> = []
    /// How many at the end are followed by no barrier yet.
    private var unguardedCount = 0
    /// Whether a barrier has been sent, and not answered.
    private var awaitsBarrier = false
    private var bytes: [UInt8] = []
    /// The position of the first of `bytes`; positions only grow while a connection lasts.
    private var base = 0
    /// The position up to which the kernel has taken the bytes.
    private var sent = 0

    /// A buffer that grew beyond this is given back once everything is answered, and bytes that are
    /// answered are removed from its front when there are more of them than this.
    private static var keptBytesMax: Int { 256 * 1024 }

    @inline(__always) var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// Bytes that are held for commands without an answer.
    var byteCount: Int { entries.isEmpty ? 0 : end - entries[0].range.lowerBound }

    private var end: Int { base + bytes.count }

    // MARK: - Commands

    mutating func append(
        _ command: RedisCommand, _ waiter: consuming Waiter, deadline: MonotonicTime
    ) {
        append(command, waiter, deadline, isBarrier: false)
        unguardedCount += 1
    }

    /// Adds the barrier's command behind those that came since the last one, if there are any, and
    /// if that one is answered: Redis executes nothing of this connection while it waits, so those
    /// that come meanwhile are confirmed together by the next one.
    mutating func appendBarrier(_ barrier: RedisBarrier) {
        guard !awaitsBarrier, unguardedCount > 0, let last = entries.last else { return }
        append(barrier.command, nil, last.deadline, isBarrier: true)
        unguardedCount = 0
        awaitsBarrier = true
    }

    private mutating func append(
        _ command: RedisCommand, _ waiter: consuming Waiter?, _ deadline: MonotonicTime,
        isBarrier: Bool
    ) {
        precondition(command.replyCount == 1, "a reply belongs to a command")
        let start = end
        bytes += command.bytes
        entries.append(
            Entry(
                hasWaiter: !isBarrier, deadline: deadline, isBarrier: isBarrier,
                range: start..<end))
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

    enum Answer {
        /// Nobody has asked.
        case unexpected
        /// Redis does not execute the command now, but may do so later.
        case refused(RedisServerError)
        /// A command has its reply: its waiter, unless it was told before, or a barrier confirms.
        case answered(Resolution?)
        /// A barrier was answered: the waiters of the commands before it.
        case confirmed([Resolution])
    }

    /// The next reply, which belongs to the oldest command without one.
    ///
    /// - Parameter barrier: what confirms commands besides their replies, if anything does.
    mutating func received(_ reply: RedisReply, barrier: RedisBarrier?) -> Answer {
        // A reply to nothing, or to a command that has not left yet, is none of Redis's.
        guard answers.count < entries.count, entries[answers.count].range.upperBound <= sent else {
            return .unexpected
        }
        if case .error(let error) = reply, error.isPassing {
            entries[answers.count].isRefused = true
            return .refused(error)
        }
        guard let barrier else {
            let (entry, waiter) = removeFirst()
            return .answered(
                RedisPipeline.resolution(waiter, RedisPipeline.result(entry, reply)))
        }
        if entries[answers.count].isBarrier {
            return .confirmed(confirm(isReached: barrier.isReached(by: reply)))
        }
        answers.append(reply)
        return .answered(nil)
    }

    private static func resolution(
        _ waiter: consuming Waiter?, _ result: Result<RedisReply, RedisFailure>
    ) -> Resolution? {
        guard let waiter else { return nil }
        return Resolution(waiter: waiter, result: result)
    }

    private static func result(
        _ entry: Entry, _ reply: RedisReply
    ) -> Result<RedisReply, RedisFailure> {
        if case .error(let error) = reply { return .failure(entry.failure(.server(error))) }
        return .success(reply)
    }

    /// Ends the wait of all that have their replies.
    private mutating func confirm(isReached: Bool) -> [Resolution] {
        var resolutions: [Resolution] = []
        while let answer = answers.popFirst() {
            let (entry, waiter) = removeFirst()
            var result = RedisPipeline.result(entry, answer)
            if !isReached, case .success = result {
                result = .failure(.mayBeExecuted(.durabilityNotReached))
            }
            if let resolution = RedisPipeline.resolution(waiter, result) {
                resolutions.append(resolution)
            }
        }
        awaitsBarrier = false
        _ = removeFirst()
        return resolutions
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
        (base, sent, unguardedCount, awaitsBarrier) = (0, 0, kept.count, false)
        answers = []
    }

    /// Ends every wait.
    mutating func failAll(_ error: RedisError) -> [Resolution] {
        rewind()
        defer { self = RedisPipeline() }
        return zip(entries, waiters).compactMap { entry, waiter in
            RedisPipeline.resolution(waiter, .failure(entry.failure(error)))
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
