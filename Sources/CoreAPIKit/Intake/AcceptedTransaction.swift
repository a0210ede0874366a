/// What a caller is told of an accepted transaction.
public struct AcceptedTransaction: Hashable, Sendable, Identifiable {
    /// The transaction's id; of a replay, that of the first.
    public let id: TransactionID
    /// What is to be charged.
    public let amount: Amount
    /// In which currency.
    public let currency: CurrencyCode
    /// The user of the verified token.
    public let userID: Int
    /// Whether an earlier request with the same idempotency key has enqueued it, and this one
    /// nothing.
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
