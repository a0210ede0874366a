public import CoreAPIBase

/// What became of an accepted transaction.
public struct TransactionStatus: Hashable, Sendable, Identifiable {
    /// How far a transaction has come. The raw value is its name in answers and in Redis.
    @nonexhaustive public enum State: String, Hashable, Sendable, CaseIterable {
        /// It waits in the queue, for its first attempt or for the next one.
        case queued
        /// A connector has it.
        case processing
        /// Every group of the stream has acknowledged it, or its job has finished.
        case processed
        /// No attempt follows: it is a dead letter, or a failed job. Putting it back makes it
        /// `queued` again.
        case failed
    }

    /// The transaction's id.
    public let id: TransactionID
    /// How far it has come.
    public let state: State
    /// The amount to charge.
    public let amount: Amount
    /// The currency of the amount.
    public let currency: CurrencyCode
    /// The user of the token that the transaction was accepted with.
    public let userID: Int
    /// The time at which the transaction was accepted.
    public let createdAt: UnixTime
    /// The time of the last change: not before `createdAt`. While a consumer has the transaction,
    /// the last sign of life of that consumer.
    public let updatedAt: UnixTime
    /// How often a connector has got the transaction.
    public let attempts: Int

    /// A status; a test of an embedder may make one.
    ///
    /// - Parameters:
    ///   - transaction: whose status it is.
    ///   - state: what became of it.
    ///   - updatedAt: a time before the transaction's own counts as that one, since clocks differ.
    ///   - attempts: a negative number counts as 0.
    public init(
        _ transaction: Transaction, state: State, updatedAt: UnixTime, attempts: Int
    ) {
        self.init(
            id: transaction.id, state: state, amount: transaction.amount,
            currency: transaction.currency, userID: transaction.userID,
            createdAt: transaction.createdAt, updatedAt: updatedAt, attempts: attempts)
    }

    init(
        id: TransactionID, state: State, amount: Amount, currency: CurrencyCode, userID: Int,
        createdAt: UnixTime, updatedAt: UnixTime, attempts: Int
    ) {
        self.id = id
        self.state = state
        self.amount = amount
        self.currency = currency
        self.userID = userID
        self.createdAt = createdAt
        self.updatedAt = max(updatedAt, createdAt)
        self.attempts = max(attempts, 0)
    }
}
