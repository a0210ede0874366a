internal import CoreMetrics
internal import Synchronization

/// What one event loop records. The others have shards of their own, so that nothing on the way of
/// a request is written by two of them; a scrape adds the shards up.
///
/// As a backend of swift-metrics it takes what the Kit records, from any thread.
final class MetricsShard: MetricsFactory {
    private enum Cell {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    private let cells = Mutex<[MetricSeries: Cell]>([:])

    // MARK: - Making

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

    /// What was recorded so far.
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

    /// The Kit records nothing but durations that is to be aggregated, and those by timers.
    func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        gauge(label, dimensions)
    }

    // A series stays as long as the process: it would otherwise seem to begin anew.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
