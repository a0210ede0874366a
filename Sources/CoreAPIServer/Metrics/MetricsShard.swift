internal import CoreMetrics
internal import Synchronization

/// The metrics of one event loop. Each loop has its own shard, so that two loops never write the
/// same cell on the hot path. A scrape adds the shards up.
///
/// The shard is also the swift-metrics backend of the Kit, which may record on any thread.
final class MetricsShard: MetricsFactory {
    private enum Cell {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    private let cells = Mutex<[MetricSeries: Cell]>([:])

    // MARK: - Creating series

    func counter(_ name: String, _ labels: [(String, String)] = []) -> CounterCell {
        cells.withLock { cells in
            let series = MetricSeries(name, .counter, labels)
            if case .counter(let cell)? = cells[series] { return cell }
            let cell = CounterCell()
            cells[series] = .counter(cell)
            return cell
        }
    }

    func gauge(_ name: String, _ labels: [(String, String)] = []) -> GaugeCell {
        cells.withLock { cells in
            let series = MetricSeries(name, .gauge, labels)
            if case .gauge(let cell)? = cells[series] { return cell }
            let cell = GaugeCell()
            cells[series] = .gauge(cell)
            return cell
        }
    }

    func histogram(_ name: String, _ labels: [(String, String)] = []) -> HistogramCell {
        cells.withLock { cells in
            let series = MetricSeries(name, .histogram, labels)
            if case .histogram(let cell)? = cells[series] { return cell }
            let cell = HistogramCell()
            cells[series] = .histogram(cell)
            return cell
        }
    }

    // MARK: - Reading

    /// Adds a snapshot of the shard's series to the values.
    func add(to values: inout [MetricSeries: MetricValue]) {
        for (series, cell) in cells.withLock({ $0 }) {
            let value: MetricValue =
                switch cell {
                case .counter(let cell): .integer(cell.value)
                case .gauge(let cell): .number(cell.value)
                case .histogram(let cell): .histogram(cell.counts)
                }
            guard var sum = values[series] else {
                values[series] = value
                continue
            }
            sum.add(value)
            values[series] = sum
        }
    }

    // MARK: - Backend of swift-metrics

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    /// Makes a gauge: the Kit aggregates only durations, which it records with timers.
    func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        gauge(label, dimensions)
    }

    // A series lives as long as the process: a scraper takes a new start for a counter reset.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
