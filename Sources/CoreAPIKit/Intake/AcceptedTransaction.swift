/// An accepted transaction, as the caller gets it.
public struct AcceptedTransaction: Hashable, Sendable, Identifiable {
    /// The transaction's id; for a replay, the id of the first request's transaction.
    public let id: TransactionID
    /// The amount to charge.
    public let amount: Amount
    /// The currency of the amount.
    public let currency: CurrencyCode
    /// The user of the verified token.
    public let userID: Int
    /// Whether an earlier request with the same idempotency key enqueued the transaction, so that
    /// this request enqueued nothing.
    public let isReplayed: Bool

    package init(_ transaction: Transaction, _ outcome: EnqueueOutcome) {
        switch outcome {
        case .enqueued: (id, isReplayed) = (transaction.id, false)
        case .replayed(let first): (id, isReplayed) = (first, true)
        }
        amount = transaction.amount
        currency = transaction.currency
        userID = transaction.userID
    }
}
