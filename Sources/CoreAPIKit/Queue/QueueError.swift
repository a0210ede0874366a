/// Why a queue did not confirm a transaction.
public enum QueueError: Error, Hashable, Sendable {
    /// A bounded queue holds as many as it may. Not enqueued.
    case full
    /// Redis could not be asked, or refused. Not enqueued: safe to try again.
    case unavailable(RedisError)
    /// The command was sent, but no answer came: it may be enqueued or not.
    case outcomeUnknown(RedisError)
}
