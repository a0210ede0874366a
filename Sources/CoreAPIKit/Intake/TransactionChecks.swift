package import CoreAPIBase

/// The checks of a transaction before it is enqueued: token and fields.
///
/// `TransactionChecks` is a class, so that the hot path does not copy its members.
package final class TransactionChecks: Sendable {
    package let verifier: any TokenVerifier

    private let clock: @Sendable () -> UnixTime
    private let identities = TransactionIDSource()

    package init(
        verifier: any TokenVerifier, clock: @escaping @Sendable () -> UnixTime = UnixTime.now
    ) {
        self.verifier = verifier
        self.clock = clock
    }

    /// The same checks with another verifier.
    package func with(_ verifier: any TokenVerifier) -> TransactionChecks {
        TransactionChecks(verifier: verifier, clock: clock)
    }

    /// The transaction of a JSON body, ready to enqueue: see `TransactionIntake.accept`.
    package func transaction(
        json body: Span<UInt8>, bearerToken: [UInt8]?, traceParent: TraceParent?,
        traceState: TraceState?
    ) throws(IntakeRefusal) -> Transaction {
        let now = clock()
        let request: TransactionRequest
        do { request = try TransactionRequest(json: body) } catch { throw .malformedJSON(error) }
        let claims = try verify(request, body, bearerToken, at: now)
        return transaction(try request.fields(), claims, traceParent, traceState, at: now)
    }

    /// The transaction of the given values, ready to enqueue: see `TransactionIntake.accept`.
    package func transaction(
        amount: Int, currency: String, token: String, traceParent: TraceParent?,
        traceState: TraceState?
    ) throws(IntakeRefusal) -> Transaction {
        let now = clock()
        let claims = try verify(Array(token.utf8).span, at: now)
        let fields = try TransactionRequest.fields(
            TransactionRequest.amount(amount), TransactionRequest.currency(currency))
        return transaction(fields, claims, traceParent, traceState, at: now)
    }

    // MARK: - Token

    /// The user of a token, who may ask for the status of transactions; refused as a transaction
    /// with the token is.
    package func userID(bearerToken: [UInt8]?) throws(IntakeRefusal) -> Int {
        guard let bearerToken else { throw .tokenMissing }
        return try verify(bearerToken.span, at: clock()).userID
    }

    private func verify(
        _ request: TransactionRequest, _ body: Span<UInt8>, _ bearerToken: [UInt8]?,
        at now: UnixTime
    ) throws(IntakeRefusal) -> TokenClaims {
        switch request.token {
        case .absent:
            guard let bearerToken else { throw .tokenMissing }
            return try verify(bearerToken.span, at: now)
        // With an Authorization field, a null or empty member counts as absent.
        case .null:
            guard let bearerToken else { throw .token(.malformed(.notText)) }
            return try verify(bearerToken.span, at: now)
        case .text(let text) where text.range.isEmpty:
            guard let bearerToken else { throw .token(.malformed(.notThreeParts)) }
            return try verify(bearerToken.span, at: now)
        case .otherType:
            throw .token(.malformed(.notText))
        case .repeated:
            // Two tokens are ambiguous. The refusal must not reveal other flaws of the body.
            throw .invalid([FieldProblem(pointer: "/token", detail: "token is given twice")])
        case .text(let text):
            guard text.hasEscapes else {
                return try verify(body.extracting(text.range), bearerToken, at: now)
            }
            guard text.range.count <= CompactToken.bytesMax else {
                throw .token(.malformed(.tooLong))
            }
            let token = text.decoded(body)
            return try verify(token.span, bearerToken, at: now)
        }
    }

    /// - Parameter bearerToken: must be the same, if there is one.
    private func verify(
        _ token: Span<UInt8>, _ bearerToken: [UInt8]?, at now: UnixTime
    ) throws(IntakeRefusal) -> TokenClaims {
        if let bearerToken {
            guard ASCII.equal(token, 0..<bearerToken.count, of: bearerToken.span) else {
                throw .tokensDiffer
            }
        }
        return try verify(token, at: now)
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
        _ traceParent: TraceParent?, _ traceState: TraceState?, at now: UnixTime
    ) -> Transaction {
        Transaction(
            queued: identities.next(), amount: fields.amount, currency: fields.currency,
            userID: claims.userID, createdAt: now, traceParent: traceParent,
            traceState: traceState)
    }
}
