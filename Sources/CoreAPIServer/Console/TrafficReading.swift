internal import CoreAPIHTTP
internal import CoreAPIKit
internal import CoreAPIRedis

/// The totals of all loops' metrics at one moment.
struct TrafficReading {
    var accepted: UInt64 = 0
    var replayed: UInt64 = 0
    /// By the index of `Problem.Code.allCases`.
    var refusals = [UInt64](repeating: 0, count: Problem.Code.allCases.count)
    var durations = HistogramCell.Counts()
    var inFlight = 0
    var reconnects: UInt64 = 0
    var connections = 0
    var connectionsReady = 0
    /// Transactions that Redis confirmed and lost, and those of them that were sent again.
    var lost: UInt64 = 0
    var sentAgain: UInt64 = 0

    /// Whether a code says that an accepted request failed, and not that it was refused.
    static func isFailure(_ code: Problem.Code) -> Bool {
        code != .overloaded
            && (code.status == .serviceUnavailable || code.status == .gatewayTimeout)
    }

    /// The number of refusals, or of failures.
    func refusals(areFailures: Bool) -> UInt64 {
        zip(Problem.Code.allCases, refusals).reduce(0) { sum, entry in
            TrafficReading.isFailure(entry.0) == areFailures ? sum + entry.1 : sum
        }
    }

    /// The duration below which a share of the answers since another reading stayed, in
    /// milliseconds, interpolated within a bucket; nil without answers.
    func percentile(_ share: Double, since earlier: TrafficReading) -> Double? {
        let counts = zip(durations.ofBuckets, earlier.durations.ofBuckets).map { $0 &- $1 }
        let total = counts.reduce(0, &+)
        guard total > 0 else { return nil }
        let wanted = share * Double(total)
        let bounds = HistogramCell.boundsNanoseconds
        var below = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            if below + Double(count) >= wanted {
                let low = index == 0 ? 0 : Double(bounds[index - 1])
                let high = index < bounds.count ? Double(bounds[index]) : low
                return (low + (high - low) * (wanted - below) / Double(count)) / 1e6
            }
            below += Double(count)
        }
        return nil
    }
}

/// The cells of all loops' metrics that the console reads each second: a few hundred loads.
struct TrafficCells: Sendable {
    private struct Loop: Sendable {
        let accepted, replayed, reconnects, lost, sentAgain: CounterCell
        let refusals: [CounterCell]
        let durations: HistogramCell
        let inFlight, connections, connectionsReady: GaugeCell
    }

    private let loops: [Loop]

    init(_ shards: [MetricsShard], queue: String) {
        loops = shards.map { shard in
            func enqueues(_ result: String) -> CounterCell {
                shard.counter(
                    QueueMetrics.enqueuesLabel, [("queue", queue), ("result", result)])
            }
            return Loop(
                accepted: enqueues("enqueued"), replayed: enqueues("replayed"),
                reconnects: shard.counter(RedisConnectionMetrics.reconnectsLabel),
                lost: shard.counter(QueueMetrics.confirmationsLostLabel, [("queue", queue)]),
                sentAgain: shard.counter(
                    QueueMetrics.confirmationsReplayedLabel, [("queue", queue)]),
                refusals: Problem.Code.allCases.map {
                    shard.counter(MetricCatalogue.refusals.name, [("code", $0.rawValue)])
                },
                durations: shard.histogram(
                    MetricCatalogue.requestDuration.name,
                    [("route", ResourceName.all[ResourceName.transaction])]),
                inFlight: shard.gauge(MetricCatalogue.inFlight.name),
                connections: shard.gauge(RedisConnectionMetrics.connectionsLabel),
                connectionsReady: shard.gauge(RedisConnectionMetrics.readyLabel))
        }
    }

    func read() -> TrafficReading {
        var reading = TrafficReading()
        for loop in loops {
            reading.accepted &+= loop.accepted.value
            reading.replayed &+= loop.replayed.value
            for (index, cell) in loop.refusals.enumerated() {
                reading.refusals[index] &+= cell.value
            }
            reading.durations += loop.durations.counts
            reading.inFlight += Int(loop.inFlight.value)
            reading.reconnects &+= loop.reconnects.value
            reading.connections += Int(loop.connections.value)
            reading.connectionsReady += Int(loop.connectionsReady.value)
            reading.lost &+= loop.lost.value
            reading.sentAgain &+= loop.sentAgain.value
        }
        return reading
    }
}
