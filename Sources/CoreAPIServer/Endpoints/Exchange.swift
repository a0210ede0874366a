internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// The server's side of one connection: finds the endpoint of a request, answers it, and records
/// the answer. It lives on the connection's loop.
final class Exchange: HTTPExchange, @unchecked Sendable {
    let application: Application

    private unowned let connection: Connection
    /// Made for the first transaction.
    private var pending: PendingTransaction?
    private var outcome: PendingTransaction.Outcome?
    private var response: Response?
    /// What metrics and logs say of the request that is answered.
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
        return refuse(Problem(refusal, application.limits))
    }

    func takeResponse() -> Response {
        if let outcome = outcome.take(), let pending {
            application.transactionEnded()
            return response(to: outcome, of: pending.transaction)
        }
        guard let response = response.take() else {
            preconditionFailure("takeResponse() before an answer is ready")
        }
        return response
    }

    func answered(
        _ response: Response, _ input: Span<UInt8>, _ id: RequestID, since began: MonotonicTime
    ) {
        application.metrics?.answered(response.status, note, since: began)
        application.accessLog.answered(response.status, note, input, id, since: began)
    }

    /// The answer to a refusal, whose code metrics count.
    private func refuse(_ problem: Problem) -> Response {
        note.code = problem.code
        return problem.response
    }

    /// Answers once the response is there.
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
        if let problem = TransactionEndpoint.refusal(head, input.span) { return refuse(problem) }
        let pending = pendingTransaction()
        let bytes = input.span
        let transactions = application.transactions
        do {
            try transactions.check(head, bytes, body: bytes.extracting(body), into: pending)
        } catch {
            return refuse(error)
        }
        if let outcome = transactions.enqueue(pending) {
            return response(to: outcome, of: pending.transaction)
        }
        application.transactionBegan()
        return nil
    }

    private func pendingTransaction() -> PendingTransaction {
        if let pending { return pending }
        let pending = PendingTransaction { [unowned self] _, outcome in confirmed(outcome) }
        self.pending = pending
        return pending
    }

    private func confirmed(_ outcome: PendingTransaction.Outcome) {
        self.outcome = outcome
        connection.answerIsReady()
    }

    private func response(
        to outcome: PendingTransaction.Outcome, of transaction: Transaction
    ) -> Response {
        switch outcome {
        case .success(let outcome):
            let accepted = AcceptedTransaction(transaction, outcome)
            note.transactionID = accepted.id
            return TransactionEndpoint.response(to: accepted)
        case .failure(let error):
            if case .outcomeUnknown = error { note.unresolvedID = transaction.id }
            return refuse(Problem(.queue(error)))
        }
    }

    // MARK: - Health and metrics

    /// `GET /health` and its kin.
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
                preconditionFailure("scrape() on a port without metrics")
            }
            return await metrics.response(format)
        }
        return nil
    }
}

/// What metrics and logs say of an answer, besides its status.
struct ExchangeNote {
    /// Of `ResourceName`.
    let resource: Int
    /// Nil for bytes that are no request.
    let method: HTTPMethod?
    /// The place of the request's `traceparent`.
    let traceParent: Range<Int>?
    /// Nil for an answer that refuses nothing.
    var code: Problem.Code?
    /// The transaction that was accepted.
    var transactionID: TransactionID?
    /// The transaction whose outcome is unknown: for the log alone, since a retry with the same key
    /// may be answered by another.
    var unresolvedID: TransactionID?

    /// Of bytes that are no request.
    init() { (resource, method, traceParent) = (ResourceName.unread, nil, nil) }

    init(of head: RequestHead, _ resource: Int) {
        self.resource = resource
        method = head.method
        traceParent = head.traceParent
    }
}
