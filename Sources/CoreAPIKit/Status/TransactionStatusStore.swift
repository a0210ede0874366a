public import CoreAPIRedis

/// Knows what became of transactions, for as long as their queue keeps it (`statusSeconds`).
public protocol TransactionStatusStore: Sendable {
    /// The status of a transaction of the user; nil for another user's, for one that is not kept
    /// any more, and for one that never was: a caller cannot tell these apart.
    ///
    /// Callable from any executor. Once `enqueue` has returned, the status of the transaction is
    /// known.
    func status(
        of id: TransactionID, userID: Int
    ) async throws(TransactionStatusError) -> TransactionStatus?
}

/// Why the status of a transaction cannot be told. It is safe to ask again.
@nonexhaustive public enum TransactionStatusError: Error, Hashable, Sendable {
    /// Too many questions wait for Redis.
    case overloaded
    /// Redis could not be asked, or refused.
    case unavailable(RedisError)
}
