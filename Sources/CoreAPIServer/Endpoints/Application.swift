internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import Logging

/// The parts that the endpoints of one loop and one port share.
///
/// Sendable by discipline: the loop's thread calls it, except for `init` and `use`.
final class Application: @unchecked Sendable {
    let loop: EventLoop
    let site: Endpoint.Sites
    let limits: HTTPLimits
    let health: HealthEndpoint
    let metrics: HTTPMetrics?
    /// Traces the loop's requests; nil if the server exports no spans.
    let tracer: RequestTracer?
    /// The operators' web page; nil without it, and where the site is not `console`.
    let console: Console?
    let accessLog: AccessLog
    let drain: DrainState
    /// The requests that wait for a verification by a public key.
    let slowSteps: SlowSteps
    private(set) var transactions: TransactionEndpoint
    /// Whether accepted transactions have further fields.
    let hasFurtherFields: Bool
    /// Transactions that wait for the queue.
    private(set) var transactionsInFlight = 0 {
        didSet { metrics?.transactionsInFlight(transactionsInFlight) }
    }

    let logger: Logger
    /// By a resource's index: whether the port serves it. All endpoints of a path belong to the
    /// same ports.
    private let isServed: [Bool]
    private var warning = WarningLimit()

    /// - Parameters:
    ///   - site: the ports that the listener serves.
    ///   - metrics: the loop's metrics; nil if the server records no metrics.
    ///   - tracer: the loop's tracer; nil if the server exports no spans.
    init(
        loop: EventLoop, site: Endpoint.Sites, limits: HTTPLimits = HTTPLimits(),
        transactions: TransactionEndpoint, health: HealthEndpoint, metrics: HTTPMetrics? = nil,
        tracer: RequestTracer? = nil, console: Console? = nil, accessLog: AccessLog,
        drain: DrainState, logger: Logger
    ) {
        precondition(
            !site.contains(.operators) || metrics != nil,
            "Application.init: the operators' port without metrics")
        precondition(
            site.contains(.console) == (console != nil),
            "Application.init: the console's site without a console, or the other way round")
        self.loop = loop
        self.site = site
        self.limits = limits
        let slowSteps = SlowSteps(on: loop)
        self.slowSteps = slowSteps
        self.transactions = transactions.paced(by: slowSteps)
        hasFurtherFields = transactions.hasFurtherFields
        self.health = health
        self.metrics = metrics
        self.tracer = tracer
        self.console = console
        self.accessLog = accessLog
        self.drain = drain
        self.logger = logger
        isServed = Routes.table.resources.map { resource in
            resource.routes.contains { !$0.endpoint.sites.isDisjoint(with: site) }
        }
    }

    /// Creates the application of another port on the same loop.
    convenience init(
        beside other: Application, site: Endpoint.Sites, console: Console?
    ) {
        self.init(
            loop: other.loop, site: site, limits: other.limits, transactions: other.transactions,
            health: other.health, metrics: other.metrics, tracer: other.tracer, console: console,
            accessLog: other.accessLog, drain: other.drain, logger: other.logger)
    }

    /// Replaces the verifier of tokens for later requests. Any thread may call this.
    func use(_ verifier: any TokenVerifier) {
        loop.submit { [self] in
            transactions = transactions.with(verifier).paced(by: slowSteps)
        }
    }

    /// Whether `/health` shows its checks: depth, age, workers and durability. They are for
    /// operators. With a separate `METRICS_PORT`, callers see only the status.
    var showsChecks: Bool { site.contains(.operators) || metrics == nil }

    // MARK: - Transactions in flight

    /// Whether one more transaction may wait for the queue.
    var hasRoom: Bool {
        if transactionsInFlight < transactions.inFlightMax { return true }
        overloaded("transactions in flight", max: transactions.inFlightMax)
        return false
    }

    func transactionBegan() { transactionsInFlight += 1 }

    func transactionEnded() { transactionsInFlight -= 1 }

    // MARK: - Routing

    /// The endpoint of a request, or the answer to a request without an endpoint.
    enum Target {
        case endpoint(Endpoint, parameter: [UInt8])
        case answer(Response)
        case refused(Problem)
    }

    /// The target of a request and the index of its resource name, for metrics and logs.
    func target(_ head: RequestHead, _ bytes: Span<UInt8>) -> (resource: Int, Target) {
        guard case .path(let path) = head.target else {
            return (ResourceName.server, options(siteAllow, head.method))
        }
        guard let match = Routes.table.match(path, bytes), isServed[match.resource] else {
            return (ResourceName.other, .refused(notFound))
        }
        let resource = Routes.table.resources[match.resource]
        guard let index = resource.methods.index(answering: head.method) else {
            if resource.routes[0].endpoint.sites == .console {
                return (match.resource, .endpoint(resource.routes[0].endpoint, parameter: []))
            }
            return (match.resource, options(resource.allow, head.method))
        }
        let endpoint = resource.routes[index].endpoint
        return (match.resource, .endpoint(endpoint, parameter: match.parameter))
    }

    /// The answer to `OPTIONS`, or the refusal of a method that the resource lacks.
    private func options(_ allow: String, _ method: HTTPMethod) -> Target {
        guard method == .options else {
            return .refused(
                Problem(
                    code: .methodNotAllowed, detail: "the methods here are \(allow)",
                    header: [("Allow", allow)] + siteFields))
        }
        var fields = ResponseFields()
        fields.add("Allow", allow)
        for (name, value) in siteFields { fields.add(name, value) }
        return .answer(Response(status: .noContent, fields: fields))
    }

    private var served: [RouteTable<Endpoint>.Resource] {
        zip(Routes.table.resources, isServed).filter(\.1).map(\.0)
    }

    /// The methods of the server as a whole (RFC 9110 §9.3.7).
    private var siteAllow: String {
        var methods: [HTTPMethod] = []
        for route in served.flatMap(\.routes) where !methods.contains(route.method) {
            methods.append(route.method)
        }
        return RouteTable<Endpoint>.allow(methods.sorted { $0.rawValue < $1.rawValue })
    }

    private var notFound: Problem {
        let paths = served.map(\.path)
        let list = paths.dropLast().joined(separator: ", ")
        return Problem(
            code: .notFound, detail: "there are \(list) and \(paths.last ?? "nothing")",
            header: siteFields)
    }

    /// The fields of each refusal of bytes that no endpoint handles: with a console, its own.
    var siteFields: [(name: StaticString, value: String)] { console == nil ? [] : Console.fields }
}

extension Application: HTTPApplication {
    func exchange(on connection: Connection) -> any HTTPExchange {
        Exchange(self, on: connection)
    }

    func admitted(_ admission: ConnectionCount.Admission) {
        if site.contains(.callers) { metrics?.admitted(admission) }
    }

    /// Logs which limit is reached, with a rate limit, because an overloaded server reaches it for
    /// every request.
    func overloaded(_ bound: String, max: Int) {
        guard warning.isDue(now: loop.now) else { return }
        logger.warning("overloaded: refusing", metadata: ["bound": "\(bound)", "max": "\(max)"])
    }
}
