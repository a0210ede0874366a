internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// The server's side of one connection: finds the endpoint of a request, answers the request, and
/// records the answer. Only the connection's loop uses it.
final class Exchange: HTTPExchange, @unchecked Sendable {
    let application: Application

    private unowned let connection: Connection
    /// Created for the first transaction, then reused.
    private var pending: PendingTransaction?
    private var outcome: PendingTransaction.Outcome?
    private var response: Response?
    /// The memory of the last accepted transaction's answer, for the next one.
    private var acceptedContent: [UInt8] = []
    /// The trace of the current request, if requests are traced.
    private var trace: RequestTrace?
    /// The data of the current request for metrics and logs.
    private var note = ExchangeNote()

    init(_ application: Application, on connection: Connection) {
        self.application = application
        self.connection = connection
    }

    // MARK: - Requests

    func refusal(of head: RequestHead, _ input: Span<UInt8>) -> Response? {
        let (resource, target) = application.target(head, input)
        note = ExchangeNote(of: head, resource)
        switch target {
        case .endpoint(let endpoint, _): return endpoint.headCheck?(head, input).map(refuse)
        case .answer(let response): return response
        case .refused(let problem): return refuse(problem)
        }
    }

    func response(to head: RequestHead, _ input: [UInt8], body: Range<Int>) -> Response? {
        let (resource, target) = application.target(head, input.span)
        note = ExchangeNote(of: head, resource)
        switch consume target {
        case .endpoint(let endpoint, _): return endpoint.handle(self, head, input, body)
        case .answer(let response): return response
        case .refused(let problem): return refuse(problem)
        }
    }

    func response(to refusal: HTTPRefusal) -> Response {
        note = ExchangeNote()
        var problem = Problem(refusal, application.limits)
        problem.header += application.siteFields
        return refuse(problem)
    }

    func takeResponse() -> Response {
        if let outcome = outcome.take(), let pending {
            application.transactionEnded()
            return response(to: outcome, pending)
        }
        guard let response = response.take() else {
            preconditionFailure("takeResponse() called before answerIsReady()")
        }
        return response
    }

    func answered(
        _ response: Response, _ input: Span<UInt8>, _ id: RequestID, since began: MonotonicTime
    ) {
        let span = application.tracer.flatMap { endTrace($0, response.status, since: began) }
        if let metrics = application.metrics {
            metrics.answered(response.status, note, span, since: began)
            if let recent = metrics.recent { record(response, in: recent, input, id) }
        }
        application.accessLog.answered(response.status, note, span, input, id, since: began)
    }

    /// Ends the trace of the request, and returns the server's span; nil if the request has none.
    private func endTrace(
        _ tracer: RequestTracer, _ status: HTTPStatus, since began: MonotonicTime
    ) -> TraceParent? {
        guard let trace = trace.take() else { return nil }
        let state = trace.enqueued == nil ? nil : pending?.transaction.traceState
        tracer.ended(trace, note, state, status, since: began)
        return trace.server
    }

    /// Records the answer for the console.
    private func record(
        _ response: Response, in recent: RecentAnswers, _ input: Span<UInt8>, _ id: RequestID
    ) {
        if let accepted = note.transactionID, let transaction = pending?.transaction {
            recent.record(
                RecentAnswers.Accepted(
                    id: accepted, transaction: transaction,
                    isReplayed: accepted != transaction.id, time: .now(),
                    requestID: id.text(input)))
        } else if let code = note.code {
            recent.record(
                RecentAnswers.Refused(
                    code: code, problem: RecentAnswers.kept(response.body),
                    route: ResourceName.all[note.resource], time: .now(),
                    requestID: id.text(input)))
        }
    }

    /// The response of a refusal. Notes its code, which metrics count.
    private func refuse(_ problem: Problem) -> Response {
        note.code = problem.code
        return problem.response
    }

    /// Runs an asynchronous handler and answers with its result.
    private func answer(_ response: @escaping @Sendable () async -> Response) {
        let connection = connection
        Task(executorPreference: application.loop) {
            self.response = await response()
            connection.answerIsReady()
        }
    }

    // MARK: - Transactions

    /// `POST /transaction`.
    func transact(_ head: RequestHead, _ input: [UInt8], _ body: Range<Int>) -> Response? {
        guard application.hasRoom else { return refuse(TransactionEndpoint.overloaded) }
        if let tracer = application.tracer { begin(tracer, head, input.span) }
        if let problem = TransactionEndpoint.refusal(head, input.span) { return refuse(problem) }
        let bytes = input.span
        let transactions = application.transactions
        let pending: PendingTransaction
        do {
            let (transaction, idempotencyKey) = try transactions.check(
                head, bytes, body: bytes.extracting(body))
            pending = hold(transaction, idempotencyKey)
        } catch {
            return refused(error, body)
        }
        if application.tracer != nil { enterTrace(pending) }
        if let outcome = transactions.enqueue(pending) { return response(to: outcome, pending) }
        application.transactionBegan()
        return nil
    }

    /// Makes the transaction a part of the request's trace.
    private func enterTrace(_ pending: PendingTransaction) {
        guard let producer = trace?.producer else { return }
        pending.trace(producer)
        trace?.enqueued = .now()
    }

    private func begin(_ tracer: RequestTracer, _ head: RequestHead, _ bytes: Span<UInt8>) {
        trace = tracer.begin(head.traceParent.flatMap { TraceParent(field: $0, bytes) })
    }

    /// The response of a refusal; nil if the request only waits for a slow step.
    private func refused(_ problem: Problem, _ body: Range<Int>) -> Response? {
        let steps = application.slowSteps
        switch steps.takeRefusal() {
        case nil: return refuse(problem)
        case .notYet where steps.hasRoom:
            connection.postpone(body: body, until: steps)
            return nil
        case .notYet, .tooLate:
            application.overloaded("verifications that wait", max: SlowSteps.waitingMax)
            return refuse(TransactionEndpoint.overloaded)
        }
    }

    private func hold(
        _ transaction: consuming Transaction, _ idempotencyKey: IdempotencyKey?
    ) -> PendingTransaction {
        if let pending {
            pending.hold(transaction, idempotencyKey)
            return pending
        }
        let pending = PendingTransaction(transaction, idempotencyKey) { [unowned self] _, outcome in
            confirmed(outcome)
        }
        self.pending = pending
        return pending
    }

    private func confirmed(_ outcome: PendingTransaction.Outcome) {
        self.outcome = outcome
        connection.answerIsReady()
    }

    private func response(
        to outcome: PendingTransaction.Outcome, _ pending: PendingTransaction
    ) -> Response {
        switch outcome {
        case .success(let outcome):
            let accepted = pending.accepted(outcome)
            note.transactionID = accepted.id
            var content = exchange(&acceptedContent, with: [])
            defer { acceptedContent = content }
            guard application.hasFurtherFields else {
                return TransactionEndpoint.response(to: accepted, in: &content)
            }
            let further = application.transactions.furtherFields(accepted, pending.allowance)
            return TransactionEndpoint.response(
                to: accepted, further: further.bytes, in: &content)
        case .failure(let error):
            if case .outcomeUnknown = error { note.unresolvedID = pending.transaction.id }
            return refuse(
                application.transactions.limited(Problem(.queue(error)), pending.allowance))
        }
    }

    // MARK: - Status

    /// `GET /transaction/{id}`.
    func tellStatus(_ head: RequestHead, _ input: [UInt8]) -> Response? {
        let transactions = application.transactions
        let userID: Int
        do { userID = try transactions.userID(head, input.span) } catch {
            return refused(StatusEndpoint.uncached(error), 0..<0)
        }
        guard let statuses = transactions.statuses, let id = StatusEndpoint.id(head, input.span)
        else { return refuseStatus(StatusEndpoint.unknown) }
        answer { [self] in
            do throws(TransactionStatusError) {
                guard let status = try await statuses.status(of: id, userID: userID) else {
                    return refuseStatus(StatusEndpoint.unknown)
                }
                return StatusEndpoint.response(
                    status, further: transactions.rateLimit?.list(nil) ?? [])
            } catch { return refuseStatus(StatusEndpoint.refusal(error)) }
        }
        return nil
    }

    private func refuseStatus(_ problem: Problem) -> Response {
        refuse(StatusEndpoint.uncached(application.transactions.limited(problem)))
    }

    // MARK: - Health and metrics

    /// `GET /health`, `/health/live` and `/health/ready`.
    func probe(
        _ probe: HealthEndpoint.Probe, _ head: RequestHead, _ input: [UInt8]
    ) -> Response? {
        let application = application
        let acceptsHealthJSON = HealthEndpoint.acceptsHealthJSON(
            AcceptedTypes(head.acceptedTypes(in: input.span) ?? []))
        answer {
            await application.health.response(
                probe, drains: application.drain.isDraining,
                acceptsHealthJSON: acceptsHealthJSON, showsChecks: application.showsChecks)
        }
        return nil
    }

    /// `GET /metrics`.
    func scrape(_ head: RequestHead, _ input: [UInt8]) -> Response? {
        let application = application
        let format = MetricsFormat(
            accepted: AcceptedTypes(head.acceptedTypes(in: input.span) ?? []))
        answer {
            guard let metrics = application.metrics else {
                preconditionFailure("scrape() called on a port without metrics")
            }
            return await metrics.response(format)
        }
        return nil
    }

    /// The console and its parts.
    func console(_ head: RequestHead, _ input: [UInt8], _ body: Range<Int>) -> Response? {
        guard let console = application.console else {
            preconditionFailure("console() called on a port without a console")
        }
        let request = ConsoleRequest(head, input.span, body: body)
        let connection = connection
        answer { await console.response(to: request, peer: connection.peerHost) }
        return nil
    }
}

/// The data of an answer for metrics and logs, besides its status.
struct ExchangeNote {
    /// An index of `ResourceName.all`.
    let resource: Int
    /// The method; nil for bytes that are no request.
    let method: HTTPMethod?
    /// The range of `traceparent` in the request's bytes.
    let traceParent: Range<Int>?
    /// The code of a refusal; nil for any other answer.
    var code: Problem.Code?
    /// The ID of an accepted transaction.
    var transactionID: TransactionID?
    /// The ID of a transaction whose outcome is unknown. It is only logged: a retry with the same
    /// key may get another ID.
    var unresolvedID: TransactionID?

    /// Creates the note of bytes that are no request.
    init() { (resource, method, traceParent) = (ResourceName.unread, nil, nil) }

    init(of head: RequestHead, _ resource: Int) {
        self.resource = resource
        method = head.method
        traceParent = head.traceParent
    }
}
