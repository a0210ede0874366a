/// The way of a transaction into the platform: token, fields, queue. It knows nothing of HTTP.
///
/// ```swift
/// let intake = TransactionIntake(verifier: verifier, queue: queue)
/// let accepted = try await intake.accept(amount: 100, currency: "USD", token: token)
/// ```
public struct TransactionIntake: Sendable {
    /// Judges tokens from now on; another one may take its place at any time, as when a secret is
    /// replaced. What has been checked stays checked.
    public var verifier: any TokenVerifier

    private let queue: any TransactionQueue
    private let clock: @Sendable () -> UnixTime
    private let identities = TransactionIDSource()

    /// - Parameters:
    ///   - verifier: judges tokens.
    ///   - queue: takes what has passed the checks.
    ///   - clock: tells the time by which tokens are judged and transactions are stamped.
    public init(
        verifier: any TokenVerifier, queue: any TransactionQueue,
        clock: @escaping @Sendable () -> UnixTime = UnixTime.now
    ) {
        self.verifier = verifier
        self.queue = queue
        self.clock = clock
    }

    /// Checks the values and enqueues the transaction; returns once the queue has confirmed it.
    ///
    /// - Parameters:
    ///   - amount: in the currency's minor unit, 1 to 2^53-1.
    ///   - currency: an active ISO 4217 code that has a minor unit.
    ///   - token: a compact JWT, up to ``CompactToken/bytesMax`` bytes.
    ///   - idempotencyKey: makes a retry safe, even with another token: see ``TransactionQueue``.
    ///   - traceParent: goes with the job.
    public func accept(
        amount: Int, currency: String, token: String, idempotencyKey: IdempotencyKey? = nil,
        traceParent: TraceParent? = nil
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        let now = clock()
        let claims = try verify(Array(token.utf8).span, at: now)
        let fields = try TransactionRequest.fields(
            TransactionRequest.amount(amount), TransactionRequest.currency(currency))
        return try await enqueue(
            transaction(fields, claims, traceParent, at: now), idempotencyKey)
    }

    /// Checks a JSON body with the members `amount`, `currency` and `token`, and enqueues the
    /// transaction; returns once the queue has confirmed it.
    ///
    /// - Parameters:
    ///   - body: the bytes of one JSON text (RFC 8259).
    ///   - bearerToken: the token of an `Authorization: Bearer` field (RFC 6750 §2.1), if there is
    ///     one; then the body need not have it.
    ///   - idempotencyKey: makes a retry safe, even with another token: see ``TransactionQueue``.
    ///   - traceParent: goes with the job.
    public func accept(
        json body: [UInt8], bearerToken: String? = nil, idempotencyKey: IdempotencyKey? = nil,
        traceParent: TraceParent? = nil
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        let bearer = bearerToken.map { Array($0.utf8) }
        return try await enqueue(
            check(json: body.span, bearerToken: bearer, traceParent: traceParent), idempotencyKey)
    }

    /// The checks alone: the transaction that is to be enqueued.
    package func check(
        json body: Span<UInt8>, bearerToken: [UInt8]?, traceParent: TraceParent?
    ) throws(IntakeRefusal) -> Transaction {
        let now = clock()
        let request: TransactionRequest
        do { request = try TransactionRequest(json: body) } catch { throw .malformedJSON(error) }
        let claims = try verify(request, body, bearerToken, at: now)
        return transaction(try request.fields(), claims, traceParent, at: now)
    }

    /// Returns once the queue has confirmed the transaction.
    package func enqueue(
        _ transaction: Transaction, _ key: IdempotencyKey?
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        do {
            let outcome = try await queue.enqueue(transaction, idempotencyKey: key)
            return AcceptedTransaction(transaction, outcome)
        } catch {
            throw .queue(error)
        }
    }

    // MARK: - Token

    private func verify(
        _ request: TransactionRequest, _ body: Span<UInt8>, _ bearerToken: [UInt8]?,
        at now: UnixTime
    ) throws(IntakeRefusal) -> TokenClaims {
        switch request.token {
        case .absent:
            guard let bearerToken else { throw .tokenMissing }
            return try verify(bearerToken.span, at: now)
        case .otherType:
            throw .token(.malformed(.notText))
        case .repeated:
            // Which of them should be believed? Nothing else of the body is told.
            throw .invalid([FieldProblem(pointer: "/token", detail: "token is given twice")])
        case .text(let text):
            if bearerToken == nil, !text.hasEscapes {
                return try verify(body.extracting(text.range), at: now)
            }
            let token = text.decoded(body)
            guard bearerToken == nil || bearerToken == token else { throw .tokensDiffer }
            return try verify(token.span, at: now)
        }
    }

    private func verify(
        _ token: Span<UInt8>, at now: UnixTime
    ) throws(IntakeRefusal) -> TokenClaims {
        let claims: TokenClaims
        do { claims = try verifier.verify(token, at: now) } catch { throw .token(error) }
        guard claims.isEnabled else { throw .userDisabled }
        return claims
    }

    private func transaction(
        _ fields: (amount: Amount, currency: CurrencyCode), _ claims: TokenClaims,
        _ traceParent: TraceParent?, at now: UnixTime
    ) -> Transaction {
        Transaction(
            id: identities.next(), amount: fields.amount, currency: fields.currency,
            userID: claims.userID, createdAt: now, traceParent: traceParent)
    }
}
