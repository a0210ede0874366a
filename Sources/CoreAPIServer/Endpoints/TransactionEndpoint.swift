internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// `POST /transaction`: checks the media type, finds the token, runs the intake's checks, enqueues,
/// and answers.
///
/// `TransactionEndpoint` is a class, because each copy of a struct would retain its members.
final class TransactionEndpoint: Sendable {
    private let checks: TransactionChecks
    private let queue: any CallbackTransactionQueue
    /// Knows the status of transactions; nil if none is kept.
    let statuses: (any TransactionStatusStore)?
    /// Nil if no rate is limited.
    let rateLimit: RateLimitFields?
    /// Limit of a loop's transactions that wait for the queue. It is below
    /// `ProducerLimits.pendingMax`, so that this endpoint refuses before any work.
    let inFlightMax: Int

    static let inFlightDefaultMax = 8_192

    init(
        checks: TransactionChecks, queue: any CallbackTransactionQueue,
        statuses: (any TransactionStatusStore)? = nil, rateLimit: RateLimitFields? = nil,
        inFlightMax: Int = inFlightDefaultMax
    ) {
        self.checks = checks
        self.queue = queue
        self.statuses = statuses
        self.rateLimit = rateLimit
        self.inFlightMax = inFlightMax
    }

    /// The same endpoint with another verifier of tokens.
    func with(_ verifier: any TokenVerifier) -> TransactionEndpoint {
        TransactionEndpoint(
            checks: checks.with(verifier), queue: queue, statuses: statuses,
            rateLimit: rateLimit, inFlightMax: inFlightMax)
    }

    /// The same endpoint, whose slow verifications wait for a step.
    func paced(by steps: SlowSteps) -> TransactionEndpoint {
        guard let verifier = checks.verifier as? any PacedTokenVerifier else { return self }
        return with(verifier.paced { steps.take() })
    }

    /// The refusal of a head, before the body is read; nil to accept it.
    @Sendable static func refusal(_ head: RequestHead, _ bytes: Span<UInt8>) -> Problem? {
        if head.isEncoded {
            return Problem(
                code: .unsupportedMediaType,
                detail: "the body must have no Content-Encoding, or identity",
                header: [("Accept-Encoding", "identity")])
        }
        guard let contentType = head.contentType, !isJSON(contentType, bytes) else { return nil }
        return Problem(
            code: .unsupportedMediaType, detail: "the Content-Type must be application/json")
    }

    static let overloaded = Problem(
        code: .overloaded,
        detail: "too many transactions wait for the queue: nothing was enqueued, try again later")

    /// Checks a request. What it returns needs no bytes of the request.
    func check(
        _ head: RequestHead, _ bytes: Span<UInt8>, body: Span<UInt8>
    ) throws(Problem) -> (Transaction, IdempotencyKey?) {
        let transaction: Transaction
        do {
            transaction = try checks.transaction(
                json: body, bearerToken: bearerToken(head, bytes),
                traceParent: head.traceParent.flatMap { TraceParent(field: $0, bytes) },
                traceState: head.traceParent.flatMap { _ in traceState(head, bytes) })
        } catch {
            throw limited(Problem(error), isVerified: error.isOfVerifiedUser)
        }
        do { return (transaction, try idempotencyKey(head, bytes)) } catch {
            throw limited(error)
        }
    }

    /// The problem with the fields of the limit, if there is one.
    func limited(
        _ problem: Problem, _ allowance: RateAllowance? = nil, isVerified: Bool = true
    ) -> Problem {
        guard isVerified, let rateLimit else { return problem }
        var problem = problem
        problem.header += rateLimit.list(allowance)
        return problem
    }

    /// Enqueues the transaction. Returns the outcome if the queue has it at once; nil if `pending`
    /// is resumed later.
    func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        queue.enqueue(pending)
    }

    /// The answer to a transaction that the queue has confirmed.
    ///
    /// - Parameters:
    ///   - further: lines of further fields.
    ///   - content: the memory of an earlier answer; the answer's own afterwards.
    static func response(
        to transaction: AcceptedTransaction, further: [UInt8] = [], in content: inout [UInt8]
    ) -> Response {
        var bodyStart = 0
        content.removeAll(keepingCapacity: true)
        content.append(addingCapacity: acceptedBytesMax + further.count) { content in
            content.append("\r\nTransaction-Id: ")
            transaction.id.append(to: &content)
            if transaction.isReplayed { content.append("\r\nIdempotent-Replayed: true") }
            if !further.isEmpty { content.append(copying: further.span) }
            bodyStart = content.count
            content.append("{\"amount\":")
            content.append(decimal: transaction.amount.minorUnits)
            content.append(",\"currency\":\"")
            transaction.currency.append(to: &content)
            content.append("\",\"user_id\":")
            content.append(decimal: transaction.userID)
            content.append("}")
        }
        return Response(
            status: .ok, contentType: MediaType.json, content: content, bodyStart: bodyStart)
    }

    /// The fields of an accepted transaction that not every server has: the resource of its status,
    /// and the user's limit.
    func furtherFields(
        _ transaction: AcceptedTransaction, _ allowance: RateAllowance?
    ) -> ResponseFields {
        var fields = ResponseFields()
        if statuses != nil { fields.add("Location", "/transaction/\(transaction.id)") }
        for (name, value) in rateLimit?.list(allowance) ?? [] { fields.add(name, value) }
        return fields
    }

    /// Whether `furtherFields` has any.
    var hasFurtherFields: Bool { statuses != nil || rateLimit != nil }

    /// Upper bound of the answer: fields of up to 54 and 27 bytes, 36 bytes of member names and
    /// braces, 3 of the currency, up to 19 for each of two numbers.
    private static let acceptedBytesMax = 160

    private func traceState(_ head: RequestHead, _ bytes: Span<UInt8>) -> TraceState? {
        head.traceStateMembers(in: bytes).flatMap { TraceState(field: $0.span) }
    }

    private func idempotencyKey(
        _ head: RequestHead, _ bytes: Span<UInt8>
    ) throws(Problem) -> IdempotencyKey? {
        guard let field = head.idempotencyKey else { return nil }
        guard !head.repeatsIdempotencyKey, let key = IdempotencyKey(field: field, bytes) else {
            throw Problem(
                code: .invalidIdempotencyKey,
                detail: "give one Idempotency-Key of 1 to 255 visible ASCII characters, "
                    + "such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"")
        }
        return key
    }

    /// `application/json`, with parameters or without (RFC 9110 §8.3.1).
    private static func isJSON(_ contentType: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let end = ASCII.find(UInt8(ascii: ";"), contentType, of: bytes) ?? contentType.upperBound
        let type = Grammar.trimmed(contentType.lowerBound..<end, bytes)
        return Grammar.equalsIgnoringCase("application/json", type, bytes)
    }

    /// The user of a request's bearer token.
    func userID(_ head: RequestHead, _ bytes: Span<UInt8>) throws(Problem) -> Int {
        do { return try checks.userID(bearerToken: bearerToken(head, bytes)) } catch {
            guard error != .tokenMissing else {
                throw Problem(
                    code: .tokenMissing, detail: "give a token, as Authorization: Bearer")
            }
            throw Problem(error)
        }
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1); nil for other schemes, which are
    /// ignored.
    private func bearerToken(_ head: RequestHead, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard let value = head.authorization,
            let space = ASCII.find(Grammar.space, value, of: bytes),
            Grammar.equalsIgnoringCase("bearer", value.lowerBound..<space, bytes)
        else { return nil }
        let token = bytes.extracting(Grammar.trimmed((space + 1)..<value.upperBound, bytes))
        // `Array.init(capacity:)` is not specialized, and costs three times as much.
        var copy: [UInt8] = []
        copy.append(addingCapacity: token.count) { $0.append(copying: token) }
        return copy
    }
}

extension IntakeRefusal {
    /// Whether the token was verified before.
    fileprivate var isOfVerifiedUser: Bool {
        switch self {
        // A body with two tokens is refused before.
        case .invalid(let fields): !fields.contains { $0.pointer == "/token" }
        case .queue: true
        default: false
        }
    }
}
