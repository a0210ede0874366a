internal import CoreAPIBase
internal import CoreAPIHTTP
internal import Logging
internal import Synchronization

/// Sends spans to a collector by OTLP/HTTP in JSON. It runs on a loop of its own thread, so that it
/// takes no time from requests.
final class SpanExporter: EventHandler, @unchecked Sendable {
    private let spans = SpanBuffer()
    private let configuration: TracingConfiguration
    private let loop: EventLoop
    private let logger: Logger
    private let encoder: OTLPEncoder
    private let exported: CounterCell?
    private let dropped: [DropReason: CounterCell]

    // Only the loop's thread uses these.
    private lazy var client = makeClient()
    private var machine: SpanExporterStateMachine
    private var batch: (request: HTTPRequest, requests: Int, spans: Int)?
    private var warning = WarningLimit()

    /// How many requests the batch has, for `finish`.
    private let inFlight = Atomic(0)

    /// Why spans were dropped: a label of their counter.
    enum DropReason: String, CaseIterable {
        /// More than `SpanBuffer.requestsMax` waited.
        case full
        /// The collector was away, or too slow.
        case unavailable
        /// The collector refused them.
        case rejected
    }

    /// Requests of one batch: some 400 KB.
    private static let requestsMax = 256

    /// - Parameters:
    ///   - destination: the name of the queue, without its kind.
    ///   - metrics: where the spans are counted; nil without metrics.
    init(
        _ configuration: TracingConfiguration, destination: String, metrics: MetricsShard?,
        logger: Logger
    ) throws(SystemError) {
        self.configuration = configuration
        self.logger = logger
        let loop = try SharedEventLoop.running()
        self.loop = loop
        encoder = OTLPEncoder(resource: configuration.resource, destination: destination)
        exported = metrics?.counter(MetricCatalogue.spansExported.name)
        dropped = Dictionary(
            uniqueKeysWithValues: DropReason.allCases.compactMap { reason in
                metrics.map {
                    let labels = [("reason", reason.rawValue)]
                    return (reason, $0.counter(MetricCatalogue.spansDropped.name, labels))
                }
            })
        machine = SpanExporterStateMachine(now: .now())
        loop.submit {
            loop.addTimed(self)
            loop.bringForward(self.deadline)
        }
    }

    /// Takes the spans of a request. Any thread may call it.
    func record(_ request: RequestSpans) {
        guard let waiting = spans.append(request) else { return count(request.count, .full) }
        if waiting == SpanExporter.requestsMax { hurry() }
    }

    /// Uses other certificates from the next request on. Any thread may call it.
    ///
    /// - Parameter tls: of a collector with https.
    func adopt(tls: TLSContext) { loop.submit { self.client.adopt(tls: tls) } }

    /// Sends what waits, for at most so long. Blocks the calling thread, which is no loop's.
    func finish(before end: MonotonicTime) {
        while MonotonicTime.now() < end {
            let waits = spans.count > 0
            guard waits || inFlight.load(ordering: .acquiring) > 0 else { return }
            if waits { hurry() }
            _ = Process.waitForNotice(before: .now().advanced(byMilliseconds: 5))
        }
        let requests = spans.count + inFlight.load(ordering: .acquiring)
        logger.warning(
            "spans not exported: the server ends", metadata: ["requests": "\(requests)"])
    }

    private func hurry() {
        loop.submit { self.perform(self.machine.hurried(now: self.loop.now)) }
    }

    // MARK: - The loop's thread

    var deadline: MonotonicTime { machine.deadline }

    func deadlineReached(now: MonotonicTime) { perform(machine.deadlineReached(now: now)) }

    private func perform(_ action: SpanExporterStateMachine.Action) {
        switch action {
        case .wait: break
        case .send: sendNext()
        case .resend: send()
        case .delivered: batch = nil
        case .drop: drop(.unavailable)
        }
        inFlight.store(batch?.requests ?? 0, ordering: .releasing)
        loop.bringForward(deadline)
    }

    /// Gives the batch up.
    private func drop(_ reason: DropReason) {
        count(batch?.spans ?? 0, reason)
        batch = nil
    }

    private func count(_ spans: Int, _ reason: DropReason) {
        dropped[reason]?.increment(by: Int64(spans))
    }

    private func sendNext() {
        let taken = spans.take(max: SpanExporter.requestsMax)
        guard !taken.isEmpty else { return machine.foundNothing(now: loop.now) }
        var request = HTTPRequest(
            .post(contentType: "application/json", body: encoder.body(taken)))
        for (name, value) in configuration.headers { _ = request.add(name, value) }
        batch = (request, taken.count, taken.reduce(0) { $0 + $1.count })
        inFlight.store(taken.count, ordering: .releasing)
        send()
    }

    private func makeClient() -> HTTPClient {
        var limits = HTTPClientLimits()
        limits.exchangeMilliseconds = configuration.timeoutMilliseconds
        return HTTPClient(
            url: configuration.url, tls: configuration.certificates?.first.tls, on: loop,
            limits: limits)
    }

    private func send() {
        guard let batch else { preconditionFailure("send() without a batch") }
        client.send(batch.request) { self.received($0) }
    }

    private func received(_ result: Result<HTTPResponse, HTTPClientError>) {
        let jitter = Double.random(in: 0...1)
        switch result {
        case .success(let response):
            let action = machine.answered(
                response.status, retryAfterSeconds: response.retryAfterSeconds(now: .now()),
                now: loop.now, jitter: jitter)
            if 200...299 ~= response.status {
                countDelivered(OTLPPartialSuccess(response.body))
            } else {
                warn("status \(response.status)")
            }
            if action == .drop, !SpanExporter.isRetried(response.status) {
                drop(.rejected)
            }
            perform(action)
        case .failure(let error):
            warn("\(error)")
            perform(machine.failed(now: loop.now, jitter: jitter))
        }
    }

    private static func isRetried(_ status: Int) -> Bool { [429, 502, 503, 504].contains(status) }

    /// Counts the spans of a batch that has arrived.
    private func countDelivered(_ answer: OTLPPartialSuccess) {
        let spans = batch?.spans ?? 0
        let rejected = min(answer.rejectedSpans, spans)
        count(rejected, .rejected)
        exported?.increment(by: Int64(spans - rejected))
        if let warning = answer.warning { warn(warning) }
    }

    private func warn(_ reason: String) {
        guard warning.isDue(now: loop.now) else { return }
        logger.warning(
            "spans not exported",
            metadata: ["collector": "\(configuration.url)", "reason": "\(reason)"])
    }
}
