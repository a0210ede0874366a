internal import CoreAPIBase
internal import CoreAPIKit
internal import Synchronization

/// Durations of one event loop's turns. The loop's thread writes them; a scrape reads them on any
/// thread.
final class LoopMetrics: Sendable {
    private let turns: HistogramCell
    // The longest turn of the current window and of the previous window, in nanoseconds.
    private let longest = Atomic<UInt64>(0)
    private let longestBefore = Atomic<UInt64>(0)
    private let windowStart = Atomic<UInt64>(0)

    private static let windowNanoseconds: UInt64 = 60_000_000_000

    init(_ shard: MetricsShard) { turns = shard.histogram(MetricCatalogue.turnDuration.name) }

    /// Records the duration of a turn that has ended.
    @Sendable func record(nanoseconds: Int64, now: MonotonicTime) {
        turns.recordNanoseconds(nanoseconds)
        let turn = UInt64(max(0, nanoseconds))
        let age = now.nanoseconds &- windowStart.load(ordering: .relaxed)
        if age < LoopMetrics.windowNanoseconds {
            if turn > longest.load(ordering: .relaxed) { longest.store(turn, ordering: .relaxed) }
            return
        }
        let isNext = age < 2 * LoopMetrics.windowNanoseconds
        longestBefore.store(
            isNext ? longest.load(ordering: .relaxed) : 0, ordering: .relaxed)
        longest.store(turn, ordering: .relaxed)
        windowStart.store(now.nanoseconds, ordering: .relaxed)
    }

    /// The longest turn in the last one to two windows, in nanoseconds.
    func longest(now: MonotonicTime) -> UInt64 {
        let start = windowStart.load(ordering: .relaxed)
        let age = now.nanoseconds > start ? now.nanoseconds - start : 0
        let current = longest.load(ordering: .relaxed)
        if age < LoopMetrics.windowNanoseconds {
            return max(current, longestBefore.load(ordering: .relaxed))
        }
        return age < 2 * LoopMetrics.windowNanoseconds ? current : 0
    }
}
