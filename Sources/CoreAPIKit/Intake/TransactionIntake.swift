public import CoreAPIBase

/// Accepts transactions: verifies the token, checks the fields and enqueues. It does not use HTTP.
///
/// ```swift
/// let intake = TransactionIntake(verifier: verifier, queue: queue)
/// let accepted = try await intake.accept(amount: 100, currency: "USD", token: token)
/// ```
public struct TransactionIntake: Sendable {
    /// The verifier of tokens. It may be replaced at any time, as when a secret is rotated.
    /// The new verifier applies to later calls only.
    public var verifier: any TokenVerifier {
        get { checks.verifier }
        set { checks = checks.with(newValue) }
    }

    private var checks: TransactionChecks
    private let queue: any TransactionQueue

    /// - Parameters:
    ///   - verifier: verifies tokens.
    ///   - queue: enqueues transactions that have passed the checks.
    ///   - clock: returns the time for the token's claims and for `Transaction.createdAt`.
    public init(
        verifier: any TokenVerifier, queue: any TransactionQueue,
        clock: @escaping @Sendable () -> UnixTime = UnixTime.now
    ) {
        checks = TransactionChecks(verifier: verifier, clock: clock)
        self.queue = queue
    }

    /// Checks the values and enqueues the transaction; returns once the queue has confirmed it.
    ///
    /// - Parameters:
    ///   - amount: the amount in the currency's minor unit, 1 to 2^53-1.
    ///   - currency: an active ISO 4217 code that has a minor unit.
    ///   - token: a compact JWT, up to ``HMACTokenVerifier/tokenBytesMax`` bytes.
    ///   - idempotencyKey: makes a retry safe, even with another token: see ``TransactionQueue``.
    ///   - traceParent: goes with the job.
    ///   - traceState: goes with it; it is ignored without a `traceParent`.
    public func accept(
        amount: Int, currency: String, token: String, idempotencyKey: IdempotencyKey? = nil,
        traceParent: TraceParent? = nil, traceState: TraceState? = nil
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        try await enqueue(
            checks.transaction(
                amount: amount, currency: currency, token: token, traceParent: traceParent,
                traceState: traceState),
            idempotencyKey)
    }

    /// Checks a JSON body with the members `amount`, `currency` and `token`, and enqueues the
    /// transaction; returns once the queue has confirmed it.
    ///
    /// - Parameters:
    ///   - body: the bytes of one JSON text (RFC 8259).
    ///   - bearerToken: the token of the `Authorization: Bearer` field (RFC 6750 §2.1); nil without
    ///     such a field. With a bearer token the body may omit `token`.
    ///   - idempotencyKey: makes a retry safe, even with another token: see ``TransactionQueue``.
    ///   - traceParent: goes with the job.
    ///   - traceState: goes with it; it is ignored without a `traceParent`.
    public func accept(
        json body: [UInt8], bearerToken: String? = nil, idempotencyKey: IdempotencyKey? = nil,
        traceParent: TraceParent? = nil, traceState: TraceState? = nil
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        let bearer = bearerToken.map { Array($0.utf8) }
        return try await enqueue(
            checks.transaction(
                json: body.span, bearerToken: bearer, traceParent: traceParent,
                traceState: traceState),
            idempotencyKey)
    }

    private func enqueue(
        _ transaction: Transaction, _ key: IdempotencyKey?
    ) async throws(IntakeRefusal) -> AcceptedTransaction {
        do {
            let outcome = try await queue.enqueue(transaction, idempotencyKey: key)
            return AcceptedTransaction(transaction, outcome)
        } catch {
            throw .queue(error)
        }
    }
}
