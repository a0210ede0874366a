/// Which of a session's numbers a Redis has applied, from the one number that it stands at.
///
/// Numbers only grow, but not every Redis has applied all below the one where it stands: a fence
/// skips those between. Redis may also take over from an older state, or an earlier master may come
/// back with what a fence of another has passed over. So each fence that was sent is remembered,
/// with the number that it was to follow.
struct ProducerLineage {
    private struct Fence {
        let number: Int
        /// The number before it; nil if what Redis has applied does not follow from that number.
        let parent: Int?
    }

    /// By their numbers, which grow.
    private var fences: [Fence] = []
    /// Below it, fences are forgotten.
    private var floor = 0
    /// Where the session was seen (see `ProducerSession.run`), latest last.
    private var runs: [String] = []

    /// As many as the logins of a flapping connection, while confirmed messages are kept.
    private static let fencesMax = 256
    /// Failovers while confirmed messages are kept.
    private static let runsMax = 32

    mutating func append(fence number: Int, after parent: Int?) {
        precondition(number > fences.last?.number ?? 0, "append() of a fence that does not grow")
        if fences.count == ProducerLineage.fencesMax { floor = fences.removeFirst().number }
        fences.append(Fence(number: number, parent: parent))
    }

    /// How many of the numbers are messages and not fences; 0 for an empty range.
    func messageCount(from first: Int, through last: Int) -> Int {
        guard first <= last else { return 0 }
        return last - first + 1 - fences.count { first...last ~= $0.number }
    }

    /// The session is at this Redis.
    mutating func saw(run: String) {
        guard !runs.contains(run) else { return }
        if runs.count == ProducerLineage.runsMax { runs.removeFirst() }
        runs.append(run)
    }

    /// Whether the session was at this Redis before; at any Redis if `run` is empty.
    func hasSeen(run: String) -> Bool { run.isEmpty ? !runs.isEmpty : runs.contains(run) }

    /// What a Redis has applied whose session stands at the number; nil if it follows from none.
    func applied(at standing: Int?) -> ProducerApplied {
        guard var end = standing else { return ProducerApplied(ranges: [], knownFrom: .max) }
        var ranges: [ClosedRange<Int>] = []
        for fence in fences.reversed() where fence.number <= end {
            ranges.append(fence.number...end)
            guard let parent = fence.parent else {
                return ProducerApplied(ranges: ranges, knownFrom: fence.number)
            }
            end = parent
        }
        if end >= floor { ranges.append(floor...end) }
        return ProducerApplied(ranges: ranges, knownFrom: floor)
    }
}

/// What a Redis has applied of a session.
struct ProducerApplied {
    /// Latest first.
    fileprivate(set) var ranges: [ClosedRange<Int>]
    /// Of the numbers below nothing is known.
    fileprivate(set) var knownFrom: Int
    /// Numbers of messages that a rule of the queue has refused: they are not applied.
    var refused: Set<Int> = []

    /// Whether a number is applied; nil if that is not known.
    func contains(_ number: Int) -> Bool? {
        guard number >= knownFrom else { return nil }
        return ranges.contains { $0 ~= number }
    }

    /// Whether a message is applied under any number that it had; nil if that is not known. A keyed
    /// message counts under its last number alone: under an earlier one it may have found the
    /// record of another message, which this one was not.
    ///
    /// - Parameter number: the last one; nil if Redis has refused the message under it.
    func contains(_ number: Int?, former: [Int], isKeyed: Bool) -> Bool? {
        var isKnown = true
        for number in (number.map { [$0] } ?? []) + (isKeyed ? [] : former) {
            if refused.contains(number) { continue }
            guard let isApplied = contains(number) else {
                isKnown = false
                continue
            }
            if isApplied { return true }
        }
        return isKnown ? false : nil
    }

    /// The latest number applied that is not above `number`; 0 without one.
    func latest(notAbove number: Int) -> Int {
        guard let range = ranges.first(where: { $0.lowerBound <= number }) else { return 0 }
        return min(range.upperBound, number)
    }
}
