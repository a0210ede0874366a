internal import CoreAPIBase
internal import CoreAPIRedis
internal import Synchronization

/// The partitions of a cluster that are polled: which are next, and which still wait for a node.
///
/// They are polled in rounds. A round ends once all of its partitions have answered, or after
/// `roundMillisecondsMax`: those that have not, for example since their shard is away, are left out
/// of further rounds until they do, and hold up no others.
final class ConsumerPolling: Sendable {
    private struct State {
        var rotation: PartitionRotation
        /// Those that have been asked and have not answered.
        var pending: Set<Int> = []
        /// How many partitions had nothing, one after the other.
        var emptyCount = 0
        /// When the first of them was asked.
        var emptySince = MonotonicTime.now()
        /// In which period each partition was claimed from last.
        var claimedPeriods: [Int]
        /// Waits for the answers of a round, or of all partitions.
        var waiter: Suspension<Void>?
        /// The partitions that it waits for.
        var awaited: Set<Int> = []
        var round = 0
    }

    /// One partition's part in a round.
    struct Turn {
        let partition: Int
        /// Limit of the entries that it may return.
        let countMax: Int
    }

    private let count: Int
    private let state: Mutex<State>

    /// The time from one look at all partitions, which had nothing, to the next.
    static let intervalMilliseconds = 25
    static let roundMillisecondsMax = 50
    /// The least pause after a look at all partitions, however long it took.
    private static let pauseMillisecondsMin = 5

    init(_ count: Int) {
        self.count = count
        state = Mutex(
            State(
                rotation: PartitionRotation(count),
                claimedPeriods: [Int](repeating: -1, count: count)))
    }

    /// The next partitions to poll, at most as many as there is room, each with a share of it.
    /// Together they return no more than there is room.
    func take(room: Int, now: MonotonicTime) -> [Turn] {
        state.withLock { state in
            if state.emptyCount == 0 { state.emptySince = now }
            var taken: [Int] = []
            for _ in 0..<count where taken.count < room {
                let partition = state.rotation.take(1)[0]
                // What waits for a node counts as empty, or no round would ever be.
                if state.pending.contains(partition) {
                    state.emptyCount += 1
                } else {
                    taken.append(partition)
                }
            }
            state.pending.formUnion(taken)
            state.awaited = Set(taken)
            state.round += 1
            return taken.map { Turn(partition: $0, countMax: max(1, room / taken.count)) }
        }
    }

    /// Whether the partition is to be claimed from, once in each period.
    func claims(_ partition: Int, period: Int) -> Bool {
        state.withLock { state in
            guard state.claimedPeriods[partition] != period else { return false }
            state.claimedPeriods[partition] = period
            return true
        }
    }

    /// A partition has answered, or cannot.
    func answered(_ partition: Int, isEmpty: Bool) {
        let waiter: Suspension<Void>? = state.withLock { state in
            state.pending.remove(partition)
            if isEmpty { state.emptyCount += 1 } else { state.emptyCount = 0 }
            state.awaited.remove(partition)
            return state.awaited.isEmpty ? state.waiter.take() : nil
        }
        waiter?.resume(returning: ())
    }

    /// Waits until the partitions of the round have answered, or it has taken too long.
    func roundEnds() async {
        let round = state.withLock { $0.round }
        let timer = Task {
            try? await Task.sleep(for: .milliseconds(ConsumerPolling.roundMillisecondsMax))
            stopWaiting(round)
        }
        await wait()
        timer.cancel()
    }

    /// Waits until every partition has answered.
    func end() async {
        state.withLock { state in
            state.round += 1
            state.awaited = state.pending
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

    private func stopWaiting(_ round: Int) {
        let waiter: Suspension<Void>? = state.withLock { state in
            guard state.round == round else { return nil }
            state.awaited = []
            return state.waiter.take()
        }
        waiter?.resume(returning: ())
    }

    /// The pause until the next round, in milliseconds: 0 until all partitions had nothing.
    func takePause(now: MonotonicTime) -> Int {
        state.withLock { state in
            guard state.emptyCount >= count else { return 0 }
            state.emptyCount = 0
            let next = state.emptySince.advanced(
                byMilliseconds: ConsumerPolling.intervalMilliseconds)
            return max(ConsumerPolling.pauseMillisecondsMin, next.milliseconds(since: now))
        }
    }
}
