internal import CoreAPIBase
internal import CoreAPIRedis
internal import Synchronization

/// The partitions of a cluster that are polled: which are next, and which still wait for a node.
///
/// A look asks all partitions at once, and takes nothing, so it needs no room. Then those that have
/// entries, or whose claim is due, are read in rounds, as many as there is room.
///
/// A look or a round ends once all of its partitions have answered, or after `waitMillisecondsMax`.
/// A partition that has not answered, for example since its shard is away, holds up no others: it
/// is not read until a look finds its node there.
final class ConsumerPolling: Sendable {
    fileprivate struct Partition {
        /// A look waits for an answer.
        var isLooking = false
        /// A read waits for an answer.
        var isReading = false
        /// The last look was answered.
        var isThere = false
        /// A look has found an entry, and no read since has found nothing.
        var hasEntries = false
        /// The entry that the last look has found, until a read that began later has ended.
        var found: String?
        /// `found` when the read began that waits for an answer.
        var foundBeforeRead: String?
        /// All entries up to this one have been delivered to the group, as far as is known. Looks
        /// look behind it.
        var delivered = ConsumerPolling.firstID
        var nextClaim: MonotonicTime
        var claims = 0
    }

    private struct State {
        var rotation: PartitionRotation
        var partitions: [Partition]
        var nextLook: MonotonicTime
        /// Waits for the answers of a look or a round, or of all partitions.
        var waiter: Suspension<Void>?
        /// The partitions that it waits for.
        var awaited: Set<Int> = []
        /// How many waits there have been.
        var waits = 0

        /// The partitions whose reads have no answer.
        var unanswered: [Int] { partitions.indices.filter { partitions[$0].isReading } }
    }

    /// One partition's part in a round.
    struct Turn: Equatable {
        let partition: Int
        /// Limit of the entries that it may return.
        let countMax: Int
        /// Nil if no claim is due; otherwise whether the claim scans other consumers as well.
        var scans: Bool?
    }

    private let count: Int
    private let claimMilliseconds: Int
    private let claimsOfScan: Int
    private let state: Mutex<State>

    /// Before every entry.
    static let firstID = "0-0"
    /// The time from one look at all partitions to the next.
    static let intervalMilliseconds = 25
    static let waitMillisecondsMax = 50
    /// The least pause between two looks, however long the first one took.
    private static let pauseMillisecondsMin = 5

    /// - Parameters:
    ///   - claimMilliseconds: the time from one claim of each partition to the next.
    ///   - claimsOfScan: in how many claims of a partition its other consumers are looked at once.
    init(_ count: Int, claimMilliseconds: Int, claimsOfScan: Int, now: MonotonicTime) {
        self.count = count
        self.claimMilliseconds = claimMilliseconds
        self.claimsOfScan = claimsOfScan
        state = Mutex(
            State(
                rotation: PartitionRotation(count),
                partitions: [Partition](repeating: Partition(nextClaim: now), count: count),
                nextLook: now))
    }

    // MARK: - Looks

    /// The partitions to look at now, each with the entry behind which to look; none if no look is
    /// due. Those whose last look has no answer are left out.
    func takeLook(now: MonotonicTime) -> [(partition: Int, after: String)] {
        state.withLock { state in
            guard state.nextLook <= now else { return [] }
            state.nextLook = now.advanced(byMilliseconds: ConsumerPolling.intervalMilliseconds)
            var taken: [(partition: Int, after: String)] = []
            for index in 0..<count {
                state.partitions[index].isThere = false
                guard !state.partitions[index].isLooking else { continue }
                state.partitions[index].isLooking = true
                taken.append((index, state.partitions[index].delivered))
            }
            state.awaited = Set(taken.map(\.partition))
            return taken
        }
    }

    /// The reply to a look, or why there is none.
    func looked(at partition: Int, _ result: Result<RedisReply, RedisFailure>) {
        let waiter: Suspension<Void>? = state.withLock { state in
            state.partitions[partition].isLooking = false
            switch result {
            case .success(let reply):
                state.partitions[partition].isThere = true
                guard let found = ConsumerPolling.firstID(of: reply) else { break }
                state.partitions[partition].found = found
                state.partitions[partition].hasEntries = true
            case .failure(let failure):
                // An error of the keys, or of the permissions, is that of a read as well.
                if case .server(let error) = failure.reason, !error.isPassing {
                    state.partitions[partition].isThere = true
                    state.partitions[partition].hasEntries = true
                }
            }
            return ConsumerPolling.ended(partition, &state)
        }
        waiter?.resume(returning: ())
    }

    /// The first id of the entries in the reply; nil if there are none.
    private static func firstID(of reply: RedisReply) -> String? {
        guard case .array(let entries) = reply, case .array(let parts)? = entries.first,
            let first = parts.first
        else { return nil }
        return try? DeliveryName.id(of: first)
    }

    // MARK: - Rounds

    /// The next partitions to read, at most as many as there is room, each with a share of it.
    /// Together they return no more than there is room.
    func take(room: Int, now: MonotonicTime) -> [Turn] {
        state.withLock { state in
            var taken: [Int] = []
            for partition in state.rotation.order where taken.count < room {
                guard state.partitions[partition].isDue(now) else { continue }
                taken.append(partition)
                state.rotation.resume(after: partition)
            }
            state.awaited = Set(taken)
            return taken.map { partition in
                state.partitions[partition].begin()
                return Turn(
                    partition: partition, countMax: max(1, room / taken.count),
                    scans: takeClaim(partition, &state, now: now))
            }
        }
    }

    private func takeClaim(_ partition: Int, _ state: inout State, now: MonotonicTime) -> Bool? {
        guard state.partitions[partition].nextClaim <= now else { return nil }
        var milliseconds = claimMilliseconds
        // After the first claims, which are due at once, those of many partitions are spread.
        if state.partitions[partition].claims == 0 {
            milliseconds += claimMilliseconds * partition / count
        }
        state.partitions[partition].nextClaim = now.advanced(byMilliseconds: milliseconds)
        defer { state.partitions[partition].claims += 1 }
        return (state.partitions[partition].claims + partition) % claimsOfScan == 0
    }

    /// How the read of a partition has ended.
    enum Outcome {
        /// It has returned entries up to this one.
        case entries(last: String)
        /// All entries of the stream have been delivered to the group.
        case nothing
        /// There was no room left after a claim.
        case unread
        case failed
        /// The group has been made again, so that its first entry is undelivered.
        case joined
    }

    /// The read of a partition has ended.
    ///
    /// - Parameter claimsSoon: whether something was given back, which comes before new entries.
    func read(_ partition: Int, _ outcome: Outcome, claimsSoon: Bool = false) {
        let waiter: Suspension<Void>? = state.withLock { state in
            state.partitions[partition].ended(outcome)
            if claimsSoon { state.partitions[partition].nextClaim = MonotonicTime(nanoseconds: 0) }
            return ConsumerPolling.ended(partition, &state)
        }
        waiter?.resume(returning: ())
    }

    /// The partitions whose reads have no answer.
    var unanswered: [Int] { state.withLock { $0.unanswered } }

    // MARK: - Waits

    private static func ended(_ partition: Int, _ state: inout State) -> Suspension<Void>? {
        state.awaited.remove(partition)
        return state.awaited.isEmpty ? state.waiter.take() : nil
    }

    /// Waits until the partitions of the look or the round have answered, or it has taken too long.
    func answers() async {
        let number: Int? = state.withLock { state in
            guard !state.awaited.isEmpty else { return nil }
            state.waits += 1
            return state.waits
        }
        guard let number else { return }
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(ConsumerPolling.waitMillisecondsMax))
            stopWaiting(number)
        }
        await wait()
        timer.cancel()
    }

    /// Waits until every partition that is read has answered.
    func end() async {
        state.withLock { state in
            state.waits += 1
            state.awaited = Set(state.unanswered)
        }
        await wait()
    }

    private func wait() async {
        await Suspension<Void>.value { waiter in
            let isOver = state.withLock { state in
                if state.awaited.isEmpty { return true }
                state.waiter = waiter
                return false
            }
            if isOver { waiter.resume(returning: ()) }
        }
    }

    private func stopWaiting(_ number: Int) {
        let waiter: Suspension<Void>? = state.withLock { state in
            guard state.waits == number else { return nil }
            state.awaited = []
            return state.waiter.take()
        }
        waiter?.resume(returning: ())
    }

    /// The pause until the next look or round, in milliseconds; 0 while there is something to read.
    func pause(now: MonotonicTime) -> Int {
        state.withLock { state in
            if state.partitions.contains(where: { $0.isDue(now) }) { return 0 }
            return max(
                ConsumerPolling.pauseMillisecondsMin, state.nextLook.milliseconds(since: now))
        }
    }
}

extension ConsumerPolling.Partition {
    /// Whether it is to be read.
    fileprivate func isDue(_ now: MonotonicTime) -> Bool {
        isThere && !isReading && (hasEntries || nextClaim <= now)
    }

    fileprivate mutating func begin() {
        isReading = true
        foundBeforeRead = found
    }

    fileprivate mutating func ended(_ outcome: ConsumerPolling.Outcome) {
        isReading = false
        // What a look has found since is for the next read.
        let isFoundSince = found != foundBeforeRead
        switch outcome {
        case .entries(let last):
            delivered = last
            if !isFoundSince { found = nil }
        case .nothing:
            delivered = foundBeforeRead ?? delivered
            if !isFoundSince { found = nil }
            hasEntries = isFoundSince
        case .unread: break
        case .failed:
            // A look says whether the node is there.
            isThere = false
        case .joined:
            isThere = false
            delivered = ConsumerPolling.firstID
            found = nil
        }
        foundBeforeRead = nil
    }
}
