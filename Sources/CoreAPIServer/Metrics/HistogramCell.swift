internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreMetrics
internal import Synchronization

/// A histogram of durations, with bucket bounds from 0.1 ms to 10 s.
final class HistogramCell: TimerHandler {
    /// A snapshot of the buckets and the sum.
    struct Counts {
        /// Durations per bucket: at most the bucket's bound, above the previous bound. The last
        /// bucket counts durations above every bound.
        var ofBuckets = [UInt64](repeating: 0, count: HistogramCell.boundsNanoseconds.count + 1)
        /// The sum of all durations; it overflows after 584 years.
        var nanoseconds: UInt64 = 0
        /// The last traced duration of each bucket; empty without any.
        var exemplars: [Exemplar?] = []

        static func += (left: inout Counts, right: Counts) {
            for (index, count) in right.ofBuckets.enumerated() { left.ofBuckets[index] &+= count }
            left.nanoseconds &+= right.nanoseconds
            if left.exemplars.isEmpty {
                left.exemplars = right.exemplars
            } else {
                for (index, exemplar) in right.exemplars.enumerated() {
                    guard let exemplar else { continue }
                    if left.exemplars[index].map({ $0.time < exemplar.time }) ?? true {
                        left.exemplars[index] = exemplar
                    }
                }
            }
        }
    }

    /// A duration of a request whose spans are recorded (OpenMetrics 1.0, 'Exemplars').
    struct Exemplar {
        let span: TraceParent
        let nanoseconds: UInt64
        let time: UnixTime
    }

    static let boundsNanoseconds: [UInt64] = [
        100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    private let buckets: InlineArray<17, Atomic<UInt64>>
    private let sum = Atomic<UInt64>(0)
    private let bounds = HistogramCell.boundsNanoseconds
    /// As `Counts.exemplars`.
    private let exemplars = Mutex<[Exemplar?]>([])

    init() {
        buckets = InlineArray { _ in Atomic(0) }
        precondition(
            buckets.count == bounds.count + 1, "HistogramCell needs one bucket more than bounds")
    }

    func recordNanoseconds(_ duration: Int64) {
        let duration = UInt64(max(0, duration))
        buckets[bucket(of: duration)].wrappingAdd(1, ordering: .relaxed)
        sum.wrappingAdd(duration, ordering: .relaxed)
    }

    /// Keeps the span of a duration that was recorded.
    func keepExemplar(_ duration: Int64, _ span: TraceParent) {
        let duration = UInt64(max(0, duration))
        let exemplar = Exemplar(span: span, nanoseconds: duration, time: .now())
        let bucket = bucket(of: duration)
        exemplars.withLock { exemplars in
            if exemplars.isEmpty { exemplars = Array(repeating: nil, count: buckets.count) }
            exemplars[bucket] = exemplar
        }
    }

    private func bucket(of duration: UInt64) -> Int {
        var index = 0
        while index < bounds.count, duration > bounds[index] { index += 1 }
        return index
    }

    var counts: Counts {
        var counts = Counts()
        for index in 0..<buckets.count {
            counts.ofBuckets[index] = buckets[index].load(ordering: .relaxed)
        }
        counts.nanoseconds = sum.load(ordering: .relaxed)
        counts.exemplars = exemplars.withLock { $0 }
        return counts
    }
}
