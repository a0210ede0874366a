internal import CoreAPIBase

/// An object that a connection calls with the reply to its command, on the connection's loop.
package protocol RedisReplyReceiver: AnyObject {
    /// The reply, or the reason why there is none; called exactly once for each command taken.
    func received(_ reply: Result<RedisReply, RedisFailure>)
}

/// A task that waits for a reply.
final class RedisReplyTask: RedisReplyReceiver {
    private let task: Suspension<Result<RedisReply, RedisFailure>>

    init(_ task: Suspension<Result<RedisReply, RedisFailure>>) { self.task = task }

    func received(_ reply: Result<RedisReply, RedisFailure>) { task.resume(returning: reply) }
}
