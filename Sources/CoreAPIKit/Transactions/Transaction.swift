public import CoreAPIBase

/// A transaction that has passed every check and is to be processed once.
public struct Transaction: Hashable, Sendable, Identifiable {
    /// Fixed before the first attempt to enqueue it.
    public let id: TransactionID
    /// What is to be charged.
    public let amount: Amount
    /// In which currency.
    public let currency: CurrencyCode
    /// The user of the verified token: 0 to 2^53-1, or more if another build has taken it in.
    public let userID: Int
    /// When it was accepted.
    public let createdAt: UnixTime
    /// The trace that its request belongs to, if there is one: it goes with the job.
    public let traceParent: TraceParent?

    /// A transaction of a user whose id is 0 to 2^53-1; another id is an ``ArgumentError``.
    public init(
        id: TransactionID, amount: Amount, currency: CurrencyCode, userID: Int,
        createdAt: UnixTime, traceParent: TraceParent? = nil
    ) throws(ArgumentError) {
        try TokenClaims.check(userID)
        self.init(
            queued: id, amount: amount, currency: currency, userID: userID, createdAt: createdAt,
            traceParent: traceParent)
    }

    /// A transaction that is queued, of a user whose id is not negative.
    package init(
        queued id: TransactionID, amount: Amount, currency: CurrencyCode, userID: Int,
        createdAt: UnixTime, traceParent: TraceParent?
    ) {
        precondition(userID >= 0, "Transaction.init(queued:) with a negative user id")
        self.id = id
        self.amount = amount
        self.currency = currency
        self.userID = userID
        self.createdAt = createdAt
        self.traceParent = traceParent
    }
}
