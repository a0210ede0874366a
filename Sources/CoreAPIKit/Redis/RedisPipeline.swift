internal import DequeModule

/// The commands of a connection to Redis that wait for their replies, oldest first, with their
/// bytes: those that were sent are kept until they are answered, so that they can be sent again.
struct RedisPipeline<Waiter> {
    typealias Resolution = RedisConnectionStateMachine<Waiter>.Resolution

    private struct Entry {
        /// Nil for a barrier, and once the waiter has been told that its time is over.
        var waiter: Waiter?
        let deadline: MonotonicTime
        let replyCount: Int
        /// For a barrier: what its reply must say.
        let barrier: RedisBarrier?
        /// Where its bytes are in `bytes`, counted from `base`.
        var range: Range<Int>
        var repliesMissing: Int
        var firstError: RedisServerError?
        /// The last reply, once all are there and a barrier is to confirm them.
        var answer: RedisReply?
        /// Redis has answered that it does not execute it now.
        var isRefused = false
        /// Was wholly sent over a connection that broke before Redis answered.
        var mayBeExecuted = false

        func resolution(_ result: Result<RedisReply, RedisFailure>) -> Resolution? {
            waiter.map { Resolution(waiter: $0, result: result) }
        }

        func failure(_ error: RedisError) -> RedisFailure {
            mayBeExecuted ? .mayBeExecuted(error) : .notExecuted(error)
        }
    }

    private var entries: Deque<Entry> = []
    /// How many at the head have their replies and wait for a barrier.
    private var answeredCount = 0
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

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// Bytes that are held for commands without an answer.
    var byteCount: Int { entries.isEmpty ? 0 : end - entries[0].range.lowerBound }

    private var end: Int { base + bytes.count }

    // MARK: - Commands

    mutating func append(_ command: RedisCommand, _ waiter: Waiter, deadline: MonotonicTime) {
        append(command, waiter, deadline, barrier: nil)
        unguardedCount += 1
    }

    /// Adds the barrier's command behind those that came since the last one, if there are any, and
    /// if that one is answered: Redis executes nothing of this connection while it waits, so those
    /// that come meanwhile are confirmed together by the next one.
    mutating func appendBarrier(_ barrier: RedisBarrier) {
        guard !awaitsBarrier, unguardedCount > 0, let last = entries.last else { return }
        append(barrier.command, nil, last.deadline, barrier: barrier)
        unguardedCount = 0
        awaitsBarrier = true
    }

    private mutating func append(
        _ command: RedisCommand, _ waiter: Waiter?, _ deadline: MonotonicTime,
        barrier: RedisBarrier?
    ) {
        precondition(command.replyCount > 0, "a command has a reply")
        let start = end
        bytes += command.bytes
        entries.append(
            Entry(
                waiter: waiter, deadline: deadline, replyCount: command.replyCount,
                barrier: barrier, range: start..<end, repliesMissing: command.replyCount))
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
        /// More replies belong to the command.
        case incomplete
        /// Nobody has asked.
        case unexpected
        /// Redis does not execute the command now, but may do so later.
        case refused(RedisServerError)
        /// A command has its replies: its waiter, unless it was told before, or a barrier confirms.
        case answered(Resolution?)
        /// A barrier was answered: the waiters of the commands before it.
        case confirmed([Resolution])
    }

    /// The next reply, which belongs to the oldest command that misses one.
    mutating func received(_ reply: RedisReply, waitsForBarrier: Bool) -> Answer {
        // A reply to nothing, or to a command that has not left yet, is none of Redis's.
        guard answeredCount < entries.count, entries[answeredCount].range.upperBound <= sent else {
            return .unexpected
        }
        if case .error(let error) = reply, entries[answeredCount].firstError == nil {
            entries[answeredCount].firstError = error
        }
        entries[answeredCount].repliesMissing -= 1
        guard entries[answeredCount].repliesMissing == 0 else { return .incomplete }
        if let error = entries[answeredCount].firstError, error.isPassing {
            entries[answeredCount].isRefused = true
            return .refused(error)
        }
        if let barrier = entries[answeredCount].barrier {
            return .confirmed(confirm(isReached: barrier.isReached(by: reply)))
        }
        if waitsForBarrier {
            entries[answeredCount].answer = reply
            answeredCount += 1
            return .answered(nil)
        }
        let entry = removeFirst()
        return .answered(entry.resolution(RedisPipeline.result(entry, reply)))
    }

    private static func result(
        _ entry: Entry, _ reply: RedisReply
    ) -> Result<RedisReply, RedisFailure> {
        if let error = entry.firstError { return .failure(entry.failure(.server(error))) }
        return .success(reply)
    }

    /// Ends the wait of all that have their replies.
    private mutating func confirm(isReached: Bool) -> [Resolution] {
        var resolutions: [Resolution] = []
        for _ in 0..<answeredCount {
            let entry = removeFirst()
            guard let answer = entry.answer else {
                preconditionFailure("what waits for a barrier has an answer")
            }
            var result = RedisPipeline.result(entry, answer)
            if !isReached, case .success = result {
                result = .failure(.mayBeExecuted(.durabilityNotReached))
            }
            if let resolution = entry.resolution(result) { resolutions.append(resolution) }
        }
        answeredCount = 0
        awaitsBarrier = false
        _ = removeFirst()
        return resolutions
    }

    private mutating func removeFirst() -> Entry {
        let entry = entries.removeFirst()
        let answered = entry.range.upperBound
        if answered == end {
            base = end
            bytes.removeAll(keepingCapacity: bytes.capacity <= RedisPipeline.keptBytesMax)
        } else if answered - base > RedisPipeline.keptBytesMax {
            bytes.removeFirst(answered - base)
            base = answered
        }
        return entry
    }

    // MARK: - Ends

    /// The connection is gone: all that have a waiter are to be sent again, as a whole.
    mutating func rewind() {
        var kept: Deque<Entry> = []
        var keptBytes: [UInt8] = []
        for var entry in entries where entry.waiter != nil {
            if entry.range.upperBound <= sent, !entry.isRefused { entry.mayBeExecuted = true }
            let start = keptBytes.count
            keptBytes += bytes[(entry.range.lowerBound - base)..<(entry.range.upperBound - base)]
            entry.range = start..<keptBytes.count
            entry.repliesMissing = entry.replyCount
            (entry.firstError, entry.answer, entry.isRefused) = (nil, nil, false)
            kept.append(entry)
        }
        (entries, bytes) = (kept, keptBytes)
        (base, sent, answeredCount, unguardedCount) = (0, 0, 0, kept.count)
        awaitsBarrier = false
    }

    /// Ends every wait.
    mutating func failAll(_ error: RedisError) -> [Resolution] {
        rewind()
        defer { self = RedisPipeline() }
        return entries.compactMap { $0.resolution(.failure($0.failure(error))) }
    }

    // MARK: - Deadlines

    /// When the next wait is over; all commands have the same time, so they end in their order.
    var deadline: MonotonicTime { entries.first { $0.waiter != nil }?.deadline ?? .never }

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
            guard let resolution = entry.resolution(.failure(failure(entry))) else { continue }
            resolutions.append(resolution)
            entries[index].waiter = nil
        }
        return resolutions
    }
}
