/// What a queue has done with a transaction.
@nonexhaustive public enum EnqueueOutcome: Hashable, Sendable {
    /// It is enqueued.
    case enqueued
    /// Its idempotency key was used before, with the same amount and currency: the transaction with
    /// this id was enqueued then, and nothing now.
    case replayed(TransactionID)
}
