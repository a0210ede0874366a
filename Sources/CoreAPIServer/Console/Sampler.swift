internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis

/// Keeps the numbers of the last 15 minutes and 6 hours. Only the console's loop uses it.
final class Sampler: @unchecked Sendable {
    private let cells: TrafficCells
    private let inspector: Inspector
    private let loop: EventLoop
    /// The readings of the last seconds, the oldest first.
    private var readings: [TrafficReading] = []
    private var ticks = 0
    private var samplesOfPoint: [PlotSample] = []
    /// The replication ids of the masters, by which a failover shows.
    private var masters: [String] = []

    /// 15 minutes, a sample each 5 s.
    private(set) var short = PlotRing(secondsPerSample: Sampler.windowSeconds)
    /// 6 hours, a sample each 2 minutes.
    private(set) var long = PlotRing(
        secondsPerSample: Sampler.windowSeconds * Sampler.samplesPerPoint)
    /// How often another master, or one that was started again, was found.
    private(set) var failovers = 0

    private static let windowSeconds = 5
    private static let samplesPerPoint = 24

    init(_ cells: TrafficCells, _ inspector: Inspector, on loop: EventLoop) {
        self.loop = loop
        self.cells = cells
        self.inspector = inspector
    }

    /// To be called each second.
    func tick() {
        readings.append(cells.read())
        if readings.count > Sampler.windowSeconds + 1 { readings.removeFirst() }
        ticks += 1
        guard ticks % Sampler.windowSeconds == 0 else { return }
        let sample = sample()
        Task(executorPreference: loop) { [self] in
            add(sample, await inspector.overview())
        }
    }

    /// The seconds that the readings cover.
    private var seconds: Double { Double(max(1, readings.count - 1)) }

    /// The totals of the last second.
    var reading: TrafficReading { readings.last ?? cells.read() }

    /// The rates and percentiles of the last seconds.
    func sample() -> PlotSample {
        let (now, before, seconds) = (reading, readings.first ?? reading, seconds)
        var sample = PlotSample(combining: [])
        func rate(_ value: UInt64, _ earlier: UInt64) -> Double {
            Double(value &- earlier) / seconds
        }
        sample[.accepted] = rate(now.accepted, before.accepted)
        sample[.replayed] = rate(now.replayed, before.replayed)
        sample[.refused] = rate(
            now.refusals(areFailures: false), before.refusals(areFailures: false))
        sample[.failed] = rate(
            now.refusals(areFailures: true), before.refusals(areFailures: true))
        sample[.p50] = now.percentile(0.5, since: before)
        sample[.p95] = now.percentile(0.95, since: before)
        sample[.p99] = now.percentile(0.99, since: before)
        sample[.inFlight] = Double(now.inFlight)
        return sample
    }

    /// Refusals a second by the index of `Problem.Code.allCases`.
    var refusalRates: [Double] {
        let (before, seconds) = (readings.first ?? reading, seconds)
        return zip(reading.refusals, before.refusals).map { Double($0 &- $1) / seconds }
    }

    private func add(_ traffic: PlotSample, _ overview: Inspector.Overview) {
        var sample = traffic
        sample[.depth] = overview.queue?.depth.map { Double($0) }
        sample[.age] = overview.queue?.oldestAgeSeconds.map { Double($0) }
        sample[.workers] = overview.queue?.workers.map { Double($0.alive) }
        if let redis = overview.redis {
            sample[.redis] = (try? redis.result.get()).map { Double($0) / 1_000 }
            note(redis)
        }
        short.add(sample)
        samplesOfPoint.append(sample)
        guard samplesOfPoint.count == Sampler.samplesPerPoint else { return }
        long.add(PlotSample(combining: samplesOfPoint))
        samplesOfPoint = []
    }

    private func note(_ redis: RedisMonitor.Check) {
        let found = (redis.nodes.isEmpty ? [redis] : redis.nodes).compactMap { node in
            node.information.replicationID
        }.sorted()
        guard !found.isEmpty, found.count >= masters.count else { return }
        if !masters.isEmpty, found.count == masters.count, found != masters { failovers += 1 }
        masters = found
    }
}
