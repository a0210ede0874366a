public import CoreAPIRedis

/// Why a queue did not confirm a transaction.
@nonexhaustive public enum QueueError: Error, Hashable, Sendable {
    /// A bounded queue holds as many as it may. Not enqueued.
    case full
    /// The idempotency key was used before, with another amount or currency. Not enqueued.
    case idempotencyKeyReused
    /// The user's rate limit is reached: the next transaction is accepted after this time at the
    /// earliest, in whole seconds. Not enqueued.
    case rateLimited(retryAfterSeconds: Int)
    /// Redis could not be asked, or refused. Not enqueued: safe to try again.
    case unavailable(RedisError)
    /// The command was sent, but no answer came in time: it may be enqueued or not. A retry with
    /// the same idempotency key is safe.
    case outcomeUnknown(RedisError)
}
