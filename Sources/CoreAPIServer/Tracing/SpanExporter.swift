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
    private var batch: (request: HTTPRequest, spans: Int)?
    private var warning = WarningLimit()

    /// Whether there is a batch, for `finish`.
    private let isBusy = Atomic(false)

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
        if spans.append(request) == SpanExporter.requestsMax { hurry() }
    }

    /// Sends what waits, for at most so long. Blocks the calling thread, which is no loop's.
    func finish(before end: MonotonicTime) {
        while MonotonicTime.now() < end {
            let waits = spans.count > 0
            guard waits || isBusy.load(ordering: .acquiring) else { return }
            if waits { hurry() }
            _ = Process.waitForNotice(before: .now().advanced(byMilliseconds: 5))
        }
        logger.warning(
            "spans not exported: the server ends", metadata: ["requests": "\(spans.count)"])
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
        case .delivered:
            exported?.increment(by: Int64(batch?.spans ?? 0))
            batch = nil
        case .drop: drop(.unavailable)
        }
        isBusy.store(batch != nil, ordering: .releasing)
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
        let (taken, lost) = spans.take(max: SpanExporter.requestsMax)
        count(lost, .full)
        guard !taken.isEmpty else { return machine.foundNothing(now: loop.now) }
        var request = HTTPRequest(
            .post(contentType: "application/json", body: encoder.body(taken)))
        for (name, value) in configuration.headers { _ = request.add(name, value) }
        batch = (request, taken.reduce(0) { $0 + $1.count })
        isBusy.store(true, ordering: .releasing)
        send()
    }

    private func makeClient() -> HTTPClient {
        var limits = HTTPClientLimits()
        limits.exchangeMilliseconds = configuration.timeoutMilliseconds
        return HTTPClient(url: configuration.url, tls: configuration.tls, on: loop, limits: limits)
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
                response.status, retryAfterSeconds: SpanExporter.retryAfter(response),
                now: loop.now, jitter: jitter)
            let isOK = 200...299 ~= response.status
            if !isOK { warn("status \(response.status)") }
            if isOK, let rejected = OTLPPartialSuccess.rejectedSpans(response.body) {
                warn("the collector rejected \(rejected) spans")
                count(rejected, .rejected)
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

    private func warn(_ reason: String) {
        guard warning.isDue(now: loop.now) else { return }
        logger.warning(
            "spans not exported",
            metadata: ["collector": "\(configuration.url)", "reason": "\(reason)"])
    }

    /// `Retry-After` in seconds (RFC 9110 §10.2.3); a date is not read.
    private static func retryAfter(_ response: HTTPResponse) -> Int? {
        response.values(of: "retry-after").first.flatMap {
            Digits.integer(0..<$0.count, of: $0.span)
        }
    }
}
