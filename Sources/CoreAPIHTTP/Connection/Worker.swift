internal import CoreAPIKit
internal import Logging

/// One loop with its listener, its connections and its endpoints. On the way of a request nothing
/// is shared with another worker but the secrets of the token verifier, which nobody writes.
///
/// Sendable by discipline: all but `init`, `use` and `drain` is called on the loop's thread.
final class Worker: @unchecked Sendable {
    let loop: EventLoop
    let limits: HTTPLimits
    /// That of the loop's connections, at whichever site.
    let memory: ConnectionMemory

    private var transactions: TransactionEndpoint
    private let health: HealthEndpoint
    private let count: ConnectionCount
    private let site: Site
    private let metrics: HTTPMetrics?
    private let logger: Logger
    private let accessLog: AccessLog
    private var requestNumber = RequestNumber()
    private var encoder = ResponseEncoder()
    private var listener: Listener?
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Transactions that wait for the queue.
    private var requestsInFlight = 0 {
        didSet { metrics?.transactionsInFlight(requestsInFlight) }
    }
    /// Whether the server ends, this worker or others.
    private var isEnding = false
    private var drained: (@Sendable () -> Void)?
    /// Before this, nobody is told again that there is too much to do.
    private var nextWarning = MonotonicTime(nanoseconds: 0)

    private static let warningPauseMilliseconds = 10_000

    /// - Parameters:
    ///   - count: of the connections of all workers of the site.
    ///   - metrics: what the loop records; nil for nothing.
    init(
        loop: EventLoop, limits: HTTPLimits, memory: ConnectionMemory, count: ConnectionCount,
        site: Site = .callers,
        metrics: HTTPMetrics? = nil,
        transactions: TransactionEndpoint,
        health: HealthEndpoint, logger: Logger, accessLog: AccessLog
    ) {
        precondition(site == .callers || metrics != nil, "what is served of metrics is recorded")
        self.loop = loop
        self.limits = limits
        self.memory = memory
        self.count = count
        self.site = site
        self.metrics = metrics
        self.transactions = transactions
        self.health = health
        self.logger = logger
        self.accessLog = accessLog
    }

    /// A worker for another site, on the loop of one that there is.
    convenience init(beside other: Worker, site: Site, count: ConnectionCount) {
        self.init(
            loop: other.loop, limits: other.limits, memory: other.memory, count: count, site: site,
            metrics: other.metrics, transactions: other.transactions, health: other.health,
            logger: other.logger, accessLog: other.accessLog)
    }

    /// Begins to accept; to be called before the loop runs.
    ///
    /// - Parameter isShared: whether others accept from the socket too.
    func listen(_ socket: consuming Socket, isShared: Bool = false) throws(SystemError) {
        listener = try Listener(socket, isShared: isShared, on: loop, logger: logger) {
            [unowned self] connection in begin(connection)
        }
    }

    /// Judges the tokens of the requests to come by another verifier. From any thread.
    func use(_ verifier: HMACTokenVerifier) {
        loop.submit { [self] in transactions = transactions.with(verifier) }
    }

    /// Listens no more, lets what has begun finish, and then calls `drained`. From any thread.
    func drain(_ drained: @escaping @Sendable () -> Void) {
        loop.submit { [self] in
            self.drained = drained
            isEnding = true
            listener?.close()
            listener = nil
            for connection in connections.values { connection.drain() }
            tellIfDrained()
        }
    }

    /// Says from now on that the server ends, and goes on. From any thread.
    func announceEnd() {
        loop.submit { [self] in isEnding = true }
    }

    // MARK: - Connections

    private func begin(_ socket: consuming Socket) {
        let admission = count.admit()
        if site != .operators { metrics?.admitted(admission) }
        if admission != .served { warn(of: "connections", max: count.servedMax) }
        if admission == .dropped { return }
        do {
            let connection = try Connection(socket, worker: self, admission)
            connections[ObjectIdentifier(connection)] = connection
            memory.connectionBegan()
            if drained != nil { connection.drain() }
        } catch {
            logger.error("a connection cannot be watched", metadata: ["reason": "\(error)"])
            count.ended(admission)
        }
    }

    func ended(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        memory.connectionEnded()
        count.ended(connection.admission)
        tellIfDrained()
    }

    /// Says which bound is reached, from time to time: at the bound it happens all the time.
    func warn(of bound: String, max: Int) {
        guard loop.now >= nextWarning else { return }
        nextWarning = loop.now.advanced(byMilliseconds: Worker.warningPauseMilliseconds)
        logger.warning("overloaded: refusing", metadata: ["bound": "\(bound)", "max": "\(max)"])
    }

    private func tellIfDrained() {
        guard connections.isEmpty, let drained else { return }
        self.drained = nil
        drained()
    }

    // MARK: - Requests

    /// Depth, age, workers and durability are for operators: where they have a port of their own,
    /// callers are told the status alone.
    private var showsChecks: Bool { site != .callers || metrics == nil }

    /// What can be answered without the body.
    func refusal(_ head: RequestHead, _ bytes: Span<UInt8>) -> Response? {
        let route = Route(head, bytes, on: site)
        if case .transaction = route { return TransactionEndpoint.refusal(head, bytes) }
        return route.response
    }

    /// The answer to a request; nil if it comes later, by the connection's `answer`.
    func response(
        to head: RequestHead, _ input: [UInt8], body: Range<Int>, for connection: Connection
    ) -> Response? {
        let route = Route(head, input.span, on: site)
        switch route {
        case .transaction: return transact(head, input, body, for: connection)
        case .health(let probe):
            let acceptsHealthJSON = HealthEndpoint.acceptsHealthJSON(head, input.span)
            answer(connection) { [self] in
                await health.response(
                    probe, drains: isEnding, acceptsHealthJSON: acceptsHealthJSON,
                    showsChecks: showsChecks)
            }
            return nil
        case .metrics:
            let accept = head.acceptedTypes(in: input.span).map {
                String(decoding: $0, as: UTF8.self)
            }
            answer(connection) { [self] in
                guard let metrics else { preconditionFailure("what is served is recorded") }
                return await metrics.response(accept: accept)
            }
            return nil
        case .description, .options, .notFound, .methodNotAllowed: return route.response
        }
    }

    /// Answers once the response is there.
    private func answer(
        _ connection: Connection, _ response: @escaping @Sendable () async -> Response
    ) {
        Task(executorPreference: loop) { connection.answer(await response()) }
    }

    private func transact(
        _ head: RequestHead, _ input: [UInt8], _ body: Range<Int>, for connection: Connection
    ) -> Response? {
        guard requestsInFlight < limits.requestsInFlightMax else {
            warn(of: "transactions in flight", max: limits.requestsInFlightMax)
            return Worker.overloaded
        }
        if let refusal = TransactionEndpoint.refusal(head, input.span) { return refusal }
        let pending = connection.pendingTransaction()
        let bytes = input.span
        do {
            try transactions.check(head, bytes, body: bytes.extracting(body), into: pending)
        } catch {
            return error.response
        }
        if let response = transactions.enqueue(pending) { return response }
        requestsInFlight += 1
        return nil
    }

    /// The answer to a transaction that has waited for the queue.
    func response(
        to outcome: PendingTransaction.Outcome, of transaction: Transaction
    ) -> Response {
        requestsInFlight -= 1
        return transactions.response(to: outcome, of: transaction)
    }

    private static let overloaded = Problem(
        code: .overloaded,
        detail: "too many transactions wait for the queue: nothing was enqueued, try again later"
    ).response

    /// What the request is called; nil for one that could not be read.
    func name(_ head: RequestHead?) -> RequestID {
        head?.requestID.map { .given($0) } ?? .made(requestNumber.next())
    }

    func encode(
        _ response: Response, _ id: RequestID, _ input: Span<UInt8>, to output: inout [UInt8],
        omitsBody: Bool, _ persistence: ResponseEncoder.Persistence
    ) {
        encoder.append(
            response, id, input, to: &output, omitsBody: omitsBody, persistence, now: .now())
    }

    /// - Parameters:
    ///   - head: nil if the request has none that could be read.
    ///   - began: when the request was complete.
    func answered(
        _ response: Response, to head: RequestHead?, _ input: Span<UInt8>, _ id: RequestID,
        since began: MonotonicTime
    ) {
        metrics?.answered(response, to: head, input, since: began)
        accessLog.answered(response, to: head, input, id, since: began)
    }
}
