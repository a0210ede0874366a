internal import CoreAPIBase
internal import DequeModule

/// A session that shares its connection with those of other partitions:
/// `PartitionedProducerMachine` owns the output, the order of the replies and the barrier.
///
/// What is read here is read by `mutating get`: an array's element is copied for any other.
extension ProducerSession {
    /// What the machine sums up over its sessions.
    struct Account {
        let pendingCount: Int
        let pendingBytes: Int
        let deadline: MonotonicTime
        let hasGivenUp: Bool

        /// Of no session.
        static var none: Account {
            Account(pendingCount: 0, pendingBytes: 0, deadline: .never, hasGivenUp: false)
        }
    }

    var account: Account {
        @inline(__always) mutating get {
            Account(
                pendingCount: pendingCount, pendingBytes: pendingBytes, deadline: deadline,
                hasGivenUp: hasGivenUp)
        }
    }

    /// Whether the login has begun and not ended.
    var isOpening: Bool {
        mutating get {
            switch state {
            case .opening, .fencing: true
            case .disconnected, .ready, .draining: false
            }
        }
    }

    /// Whether the session has neither begun its login nor ended it.
    var isDisconnected: Bool { mutating get { state == .disconnected } }

    /// Whether a login has ended, over this connection or an earlier one.
    var wasOpen: Bool { mutating get { MonotonicTime(nanoseconds: 0) < usedAt } }

    /// Whether there is something to send, besides a login.
    var hasOutput: Bool { @inline(__always) mutating get { hasUnsent } }

    /// Whether something was written that no barrier confirms yet.
    var wantsBarrier: Bool {
        mutating get {
            barrier != nil && needsBarrier && !awaitsBarrier && !isDisconnected && !isOpening
        }
    }

    /// Moves to the output of the connection what there is to send, without a barrier.
    ///
    /// - Returns: how many replies it has.
    mutating func encode(_ now: MonotonicTime, to connection: inout RedisCommand) -> Int {
        if isReady {
            if keyedOrder == .asSubmitted { encodeBatches(now) } else { encodeKeylessFirst(now) }
        }
        let replyCount = output.replyCount
        guard replyCount > 0 else { return 0 }
        connection.append(output)
        output.removeAll()
        return replyCount
    }

    /// The reply to the next command is a redirection: Redis has not executed it. What was sent
    /// behind it is settled by the next login.
    mutating func redirected(_ error: RedisError, now: MonotonicTime) -> [Resolution] {
        var isKeyed = false
        if !isOpening, case .batch(var batch)? = awaited.first {
            isKeyed = batch.keyCount > 0
            batch.isRefused = true
            awaited[awaited.startIndex] = .batch(batch)
        }
        let resolutions = lost(error, now: now)
        if isKeyed { keyedOrder = .last }
        return resolutions
    }

    /// In which order messages with keys of their own are sent.
    enum KeyedOrder: Equatable {
        case asSubmitted
        /// Behind all others: Redis has redirected some. While a slot moves, a record that is not
        /// there yet can be written by neither node, and messages without one need not wait.
        case last
        /// As `last`: so many batches without keys are before them.
        case waiting(keylessCount: Int)
    }

    /// Sends the messages without keys that wait. Once they are confirmed, all others follow.
    private mutating func encodeKeylessFirst(_ now: MonotonicTime) {
        if keyedOrder == .last {
            endGathering()
            // What was confirmed keeps its place before all that came later.
            if unsent.contains(where: { $0.messages.contains(where: \.isConfirmed) }) {
                keyedOrder = .asSubmitted
                return encodeBatches(now)
            }
            let keyless = unsent.map { $0.filtered { !$1.isKeyed } }.filter { !$0.isEmpty }
            let keyed = unsent.map { $0.filtered { $1.isKeyed } }.filter { !$0.isEmpty }
            unsent = Deque(keyless + keyed)
            keyedOrder = .waiting(keylessCount: keyless.count)
        }
        guard case .waiting(var count) = keyedOrder else { return }
        while count > 0, inFlightCount < limits.batchesInFlightMax, let batch = unsent.popFirst() {
            encode(batch, now)
            count -= 1
        }
        count = min(count, unsent.count)
        keyedOrder = .waiting(keylessCount: count)
        guard count == 0, awaited.isEmpty, answered.isEmpty else { return }
        keyedOrder = .asSubmitted
        encodeBatches(now)
    }

    /// A barrier for all sessions of the connection is sent behind what this one has written: its
    /// reply is given to `received`.
    mutating func barrierLeft() {
        awaited.append(.barrier)
        (needsBarrier, awaitsBarrier) = (false, true)
    }
}
