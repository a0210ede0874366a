internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// The HTTP metrics of one event loop. Only the loop's thread uses them.
final class HTTPMetrics {
    private struct Requests {
        let method: HTTPMethod?
        let status: HTTPStatus
        let cell: CounterCell
    }

    /// The last answers, for the console; nil without a console.
    let recent: RecentAnswers?

    private let registry: MetricsRegistry
    private let shard: MetricsShard
    private let monitor: RedisMonitor?
    private let refusals: [Problem.Code: CounterCell]
    private let connections: [ConnectionCount.Admission: CounterCell]
    private let inFlight: GaugeCell
    /// Fast path for the commonest series: accepted transactions.
    private let accepted: CounterCell
    /// Request durations, indexed by resource.
    private let durations: [HistogramCell]
    private var requests: [[Requests]]

    /// - Parameters:
    ///   - shard: the loop's shard.
    ///   - monitor: the loop's Redis monitor; nil if the queue is not in Redis.
    ///   - recent: the last answers; nil if they are not kept.
    init(
        _ registry: MetricsRegistry, _ shard: MetricsShard, _ monitor: RedisMonitor?,
        recent: RecentAnswers? = nil
    ) {
        self.recent = recent
        self.registry = registry
        self.shard = shard
        self.monitor = monitor
        refusals = Dictionary(
            uniqueKeysWithValues: Problem.Code.allCases.map {
                ($0, shard.counter(MetricCatalogue.refusals.name, [("code", $0.rawValue)]))
            })
        connections = Dictionary(
            uniqueKeysWithValues: ConnectionCount.Admission.allCases.map {
                let labels = [("admission", $0.rawValue)]
                return ($0, shard.counter(MetricCatalogue.connectionsAccepted.name, labels))
            })
        inFlight = shard.gauge(MetricCatalogue.inFlight.name)
        durations = ResourceName.all.dropLast().map {
            shard.histogram(MetricCatalogue.requestDuration.name, [("route", $0)])
        }
        accepted = shard.counter(
            MetricCatalogue.requests.name, HTTPMetrics.labels(ResourceName.transaction, .post, .ok))
        requests = ResourceName.all.map { _ in [] }
        // Create the series that alerts use at start: rate() needs a zero before the first event.
        for status in [HTTPStatus.serviceUnavailable, .gatewayTimeout] {
            _ = requestCell(ResourceName.transaction, .post, status)
        }
    }

    /// The answer to `GET /metrics`.
    func response(_ format: MetricsFormat) async -> Response {
        let queue = await monitor?.queueCheck()?.status
        return Response(
            status: .ok, contentType: format.contentType,
            body: await registry.text(format, queue: queue))
    }

    func admitted(_ admission: ConnectionCount.Admission) { connections[admission]?.increment() }

    func transactionsInFlight(_ count: Int) { inFlight.set(Double(count)) }

    /// Records one answer: its duration, status and problem code.
    ///
    /// - Parameters:
    ///   - span: the server's span, if the request is traced.
    ///   - began: the time at which the request was complete.
    func answered(
        _ status: HTTPStatus, _ note: ExchangeNote, _ span: TraceParent?,
        since began: MonotonicTime
    ) {
        if note.resource != ResourceName.unread {
            let nanoseconds = MonotonicTime.now().nanoseconds(since: began)
            durations[note.resource].recordNanoseconds(nanoseconds)
            if let span, span.isSampled {
                durations[note.resource].keepExemplar(nanoseconds, span)
            }
        }
        if note.resource == ResourceName.transaction, status == .ok { return accepted.increment() }
        requestCell(note.resource, note.method, status).increment()
        if let code = note.code { refusals[code]?.increment() }
    }

    private func requestCell(
        _ resource: Int, _ method: HTTPMethod?, _ status: HTTPStatus
    ) -> CounterCell {
        for known in requests[resource] where known.status == status && known.method == method {
            return known.cell
        }
        let cell = shard.counter(
            MetricCatalogue.requests.name, HTTPMetrics.labels(resource, method, status))
        requests[resource].append(Requests(method: method, status: status, cell: cell))
        return cell
    }

    private static func labels(
        _ resource: Int, _ method: HTTPMethod?, _ status: HTTPStatus
    ) -> [(String, String)] {
        [
            ("route", ResourceName.all[resource]), ("method", method?.rawValue ?? "-"),
            ("status", "\(status.rawValue)"),
        ]
    }
}
