import CoreMetrics
import Testing

@testable import CoreAPIBase
@testable import CoreAPIServer

@Suite struct MetricCellTests {
    @Test func `a histogram's bucket includes its upper bound`() {
        let cell = HistogramCell()
        let bounds = HistogramCell.boundsNanoseconds.map { Int64($0) }
        for bound in bounds { cell.recordNanoseconds(bound) }
        for bound in bounds { cell.recordNanoseconds(bound + 1) }
        cell.recordNanoseconds(-5)
        let counts = cell.counts
        #expect(counts.ofBuckets.first == 2)
        #expect(counts.ofBuckets.dropFirst().dropLast().allSatisfy { $0 == 2 })
        #expect(counts.ofBuckets.last == 1)
        #expect(counts.nanoseconds == UInt64(bounds.reduce(0, +) * 2) + 16)
    }

    @Test func `bounds rise from 0.1 ms to 10 s`() {
        let bounds = HistogramCell.boundsNanoseconds
        #expect(bounds.first == 100_000)
        #expect(bounds.last == 10_000_000_000)
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `equal labels share one cell, and shards are added up`() async {
        let shards = [MetricsShard(), MetricsShard()]
        // The same through swift-metrics and directly, from many threads at once.
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                let shard = shards[index % 2]
                group.addTask {
                    let counter = Counter(
                        label: "a_total", dimensions: [("b", "c")], factory: shard)
                    let meter = Meter(label: "m", factory: shard)
                    for _ in 0..<1_000 {
                        counter.increment()
                        shard.counter("a_total", [("b", "c")]).increment()
                        meter.increment()
                        meter.increment(by: 0.5)
                        meter.decrement()
                    }
                    Timer(label: "t_seconds", factory: shard).recordMilliseconds(3)
                }
            }
        }
        var values: [MetricSeries: MetricValue] = [:]
        for shard in shards { shard.add(to: &values) }
        #expect(values.count == 3)
        guard
            case .integer(16_000)? = values[MetricSeries("a_total", .counter, [("b", "c")])],
            case .number(4_000)? = values[MetricSeries("m", .gauge)],
            case .histogram(let counts)? = values[MetricSeries("t_seconds", .histogram)]
        else {
            Issue.record("\(values)")
            return
        }
        #expect(counts.ofBuckets.reduce(0, +) == 8)
        #expect(counts.nanoseconds == 24_000_000)
    }

    @Test func `the longest turn is that of the last one to two minutes`() {
        let loop = LoopMetrics(MetricsShard())
        func at(_ seconds: Int) -> MonotonicTime {
            MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: 1_000_000 + seconds * 1_000)
        }
        loop.record(nanoseconds: 70, now: at(0))
        loop.record(nanoseconds: 90, now: at(30))
        loop.record(nanoseconds: 50, now: at(59))
        #expect(loop.longest(now: at(59)) == 90)
        loop.record(nanoseconds: 40, now: at(61))
        #expect(loop.longest(now: at(61)) == 90)
        loop.record(nanoseconds: 60, now: at(122))
        #expect(loop.longest(now: at(122)) == 60)
        // A loop that only waits has no long turns, and does not say so by itself.
        #expect(loop.longest(now: at(200)) == 60)
        #expect(loop.longest(now: at(250)) == 0)
        loop.record(nanoseconds: 10, now: at(400))
        #expect(loop.longest(now: at(400)) == 10)
    }

    @Test func `open files are counted one by one where the kernel does not tell the number`()
        async throws
    {
        // Other tests open and close files meanwhile.
        for _ in 0..<100_000 {
            let usage = Process.usage()
            if usage.openFiles == Process.countOpenFiles() { return }
            await Task.yield()
        }
        Issue.record("the two never agree")
    }
}
