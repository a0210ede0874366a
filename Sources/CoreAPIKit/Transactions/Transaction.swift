public import CoreAPIBase

/// A transaction that has passed every check. Consumers process it once.
public struct Transaction: Hashable, Sendable, Identifiable {
    /// The transaction's id, which stays the same over all attempts to enqueue it.
    public let id: TransactionID
    /// The amount to charge.
    public let amount: Amount
    /// The currency of the amount.
    public let currency: CurrencyCode
    /// The user of the verified token: 0 to 2^53-1, or more if another build accepted it.
    public let userID: Int
    /// The time at which the transaction was accepted.
    public let createdAt: UnixTime
    /// The trace of the request, which the job carries; nil without one.
    public let traceParent: TraceParent?
    /// What vendors add to the trace, which the job carries; nil without a trace.
    public let traceState: TraceState?

    /// Creates a transaction to enqueue; throws if the user's id is not 0 to 2^53-1. A `traceState`
    /// without a `traceParent` is ignored.
    public init(
        id: TransactionID, amount: Amount, currency: CurrencyCode, userID: Int,
        createdAt: UnixTime, traceParent: TraceParent? = nil, traceState: TraceState? = nil
    ) throws(ArgumentError) {
        try TokenClaims.check(userID)
        self.init(
            queued: id, amount: amount, currency: currency, userID: userID, createdAt: createdAt,
            traceParent: traceParent, traceState: traceState)
    }

    /// Creates the value of a queued transaction. Traps if the user's id is negative.
    package init(
        queued id: TransactionID, amount: Amount, currency: CurrencyCode, userID: Int,
        createdAt: UnixTime, traceParent: TraceParent?, traceState: TraceState?
    ) {
        precondition(userID >= 0, "Transaction.init(queued:): the user id is negative")
        self.id = id
        self.amount = amount
        self.currency = currency
        self.userID = userID
        self.createdAt = createdAt
        self.traceParent = traceParent
        self.traceState = traceParent == nil ? nil : traceState
    }

    /// The same transaction in the trace of another span.
    package func traced(_ parent: TraceParent, _ state: TraceState?) -> Transaction {
        Transaction(
            queued: id, amount: amount, currency: currency, userID: userID, createdAt: createdAt,
            traceParent: parent, traceState: state)
    }
}
