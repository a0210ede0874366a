internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// All metrics: the recorded ones of each loop, and the gauges that a scrape reads.
struct MetricsRegistry: Sendable {
    /// The metrics of one event loop.
    struct Loop: Sendable {
        let shard = MetricsShard()
        let turns: LoopMetrics

        init() { turns = LoopMetrics(shard) }
    }

    /// The metrics of every event loop.
    let loops: [Loop]

    private let queue: String
    private let connections: ConnectionCount
    private let inFlightMax: Int
    private let keys: TokenKeys?
    private let process = ProcessMonitor()
    private let start = UnixTime.now()

    /// - Parameters:
    ///   - queue: the queue's name, as `QUEUE` spells it.
    ///   - inFlightMax: the limit of transactions in flight of each loop.
    ///   - keys: the keys that tokens are verified by; nil if they are not reported.
    init(
        loops count: Int, queue: String, connections: ConnectionCount, inFlightMax: Int,
        keys: TokenKeys? = nil
    ) {
        self.keys = keys
        self.queue = queue
        loops = (0..<count).map { _ in Loop() }
        self.connections = connections
        self.inFlightMax = inFlightMax
    }

    /// A snapshot of all metrics as text.
    ///
    /// - Parameter queue: the queue's status from Redis; nil if Redis did not reply.
    func text(_ format: MetricsFormat, queue status: QueueStatus?) async -> [UInt8] {
        var values = recorded()
        for (series, value) in queueGauges(status) { values[series] = value }
        for (series, value) in keySetGauges() { values[series] = value }
        for (series, value) in processGauges(await process.usage()) { values[series] = value }
        var families: [String: [(labels: [MetricSeries.Label], value: MetricValue)]] = [:]
        for (series, value) in values {
            families[series.name, default: []].append((series.labels, value))
        }
        var text = MetricsText(format)
        for family in MetricCatalogue.all.sorted(by: { $0.name < $1.name }) {
            guard let series = families[family.name] else { continue }
            text.add(
                family,
                series.sorted {
                    $0.labels.lexicographicallyPrecedes($1.labels) { $0.value < $1.value }
                })
        }
        text.end()
        return text.bytes
    }

    private func recorded() -> [MetricSeries: MetricValue] {
        var values: [MetricSeries: MetricValue] = [:]
        for loop in loops { loop.shard.add(to: &values) }
        return values.filter { MetricCatalogue.description($0.key.name, $0.key.kind) != nil }
    }

    private func queueGauges(_ status: QueueStatus?) -> [(MetricSeries, MetricValue)] {
        [
            (MetricCatalogue.queueDepth, status?.depth),
            (MetricCatalogue.queueAge, status?.oldestAgeSeconds),
            (MetricCatalogue.queueWorkers, status?.workers?.alive),
            (MetricCatalogue.queueWorkersRegistered, status?.workers?.registered),
        ].compactMap { metric, value in
            value.map {
                (
                    MetricSeries(metric.name, metric.kind, [("queue", queue)]),
                    .number(Double($0))
                )
            }
        }
    }

    /// The figures of the key set; none without a configured set.
    private func keySetGauges() -> [(MetricSeries, MetricValue)] {
        guard let report = keys?.status else { return [] }
        func series(
            _ metric: MetricDescription, _ value: Double
        ) -> (MetricSeries, MetricValue) {
            (MetricSeries(metric.name, metric.kind), .number(value))
        }
        var values = [
            series(MetricCatalogue.keySetKeys, Double(report.keySet?.usableCount ?? 0))
        ]
        guard let fetches = report.fetches else { return values }
        if let age = fetches.age {
            values.append(series(MetricCatalogue.keySetAge, age.fractionalSeconds))
        }
        var counts = fetches.failureCounts
        counts["success"] = fetches.successCount
        for result in ["success"] + KeySetFetchError.words {
            let metric = MetricCatalogue.keySetFetches
            values.append(
                (
                    MetricSeries(metric.name, metric.kind, [("result", result)]),
                    .integer(UInt64(counts[result] ?? 0))
                ))
        }
        return values
    }

    private func processGauges(_ usage: ProcessUsage?) -> [(MetricSeries, MetricValue)] {
        var values: [(MetricSeries, MetricValue)] = []
        func add(
            _ metric: MetricDescription, _ value: Double, _ labels: [(String, String)] = []
        ) {
            values.append((MetricSeries(metric.name, metric.kind, labels), .number(value)))
        }
        let now = MonotonicTime.now()
        let longest = loops.map { $0.turns.longest(now: now) }.max() ?? 0
        add(MetricCatalogue.turnLongest, Double(longest) / 1e9)
        add(MetricCatalogue.loops, Double(loops.count))
        add(MetricCatalogue.connections, Double(connections.servedNow))
        add(MetricCatalogue.connectionsMax, Double(connections.servedMax))
        add(MetricCatalogue.inFlightMax, Double(inFlightMax * loops.count))
        add(MetricCatalogue.buildInfo, 1, [("version", Command.versionNumber)])
        add(MetricCatalogue.processStart, Double(start.nanoseconds) / 1e9)
        if let usage {
            add(MetricCatalogue.processCPU, Double(usage.cpuNanoseconds) / 1e9)
            add(MetricCatalogue.processMemory, Double(usage.residentMemoryBytes))
            add(MetricCatalogue.processVirtualMemory, Double(usage.virtualMemoryBytes))
            add(MetricCatalogue.processOpenFiles, Double(usage.openFiles))
            add(MetricCatalogue.processOpenFilesMax, Double(usage.openFilesMax))
        }
        return values
    }
}
