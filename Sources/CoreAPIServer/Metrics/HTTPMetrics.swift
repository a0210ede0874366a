internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// What one event loop records of its callers. It is used on the loop's thread alone.
final class HTTPMetrics {
    private struct Requests {
        let method: HTTPMethod?
        let status: HTTPStatus
        let cell: CounterCell
    }

    private let registry: MetricsRegistry
    private let shard: MetricsShard
    private let monitor: RedisMonitor?
    private let refusals: [Problem.Code: CounterCell]
    private let connections: [ConnectionCount.Admission: CounterCell]
    private let inFlight: GaugeCell
    /// Of transactions that were accepted: nearly all there are, and so looked up in no list.
    private let accepted: CounterCell
    /// By resource.
    private let durations: [HistogramCell]
    private var requests: [[Requests]]

    /// - Parameters:
    ///   - shard: that of the loop.
    ///   - monitor: that of the loop; nil where there is no Redis.
    init(_ registry: MetricsRegistry, _ shard: MetricsShard, _ monitor: RedisMonitor?) {
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
        durations = Resource.readable.map {
            shard.histogram(MetricCatalogue.requestDuration.name, [("route", $0.name)])
        }
        accepted = shard.counter(
            MetricCatalogue.requests.name, HTTPMetrics.labels(.transaction, .post, .ok))
        requests = Resource.allCases.map { _ in [] }
        // Those that alerts are made of are there from the beginning: a rate needs a zero before.
        for status in [HTTPStatus.serviceUnavailable, .gatewayTimeout] {
            _ = requestCell(.transaction, .post, status)
        }
    }

    /// The answer to `GET /metrics`.
    ///
    /// - Parameter accept: the field's value; nil if there is none.
    func response(accept: String?) async -> Response {
        let format = MetricsFormat(accept: accept)
        let queue = await monitor?.queueCheck()?.status
        return Response(
            status: .ok, contentType: format.contentType,
            body: await registry.text(format, queue: queue))
    }

    func admitted(_ admission: ConnectionCount.Admission) { connections[admission]?.increment() }

    func transactionsInFlight(_ count: Int) { inFlight.set(Double(count)) }

    /// An answer was made.
    ///
    /// - Parameters:
    ///   - head: nil if the request has none that could be read.
    ///   - began: when the request was complete.
    func answered(
        _ response: Response, to head: RequestHead?, _ input: Span<UInt8>,
        since began: MonotonicTime
    ) {
        let resource = Resource(head, input)
        if resource != .unread {
            let nanoseconds = MonotonicTime.now().nanoseconds(since: began)
            durations[resource.rawValue].recordNanoseconds(nanoseconds)
        }
        if resource == .transaction, response.status == .ok { return accepted.increment() }
        requestCell(resource, head?.method, response.status).increment()
        if let code = response.code { refusals[code]?.increment() }
    }

    private func requestCell(
        _ resource: Resource, _ method: HTTPMethod?, _ status: HTTPStatus
    ) -> CounterCell {
        for known in requests[resource.rawValue]
        where known.status == status && known.method == method {
            return known.cell
        }
        let cell = shard.counter(
            MetricCatalogue.requests.name, HTTPMetrics.labels(resource, method, status))
        requests[resource.rawValue].append(Requests(method: method, status: status, cell: cell))
        return cell
    }

    private static func labels(
        _ resource: Resource, _ method: HTTPMethod?, _ status: HTTPStatus
    ) -> [(String, String)] {
        [
            ("route", resource.name), ("method", method?.rawValue ?? "-"),
            ("status", "\(status.rawValue)"),
        ]
    }
}
