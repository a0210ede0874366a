internal import CoreAPIBase

/// An object that a connection calls with the reply to its command, on the connection's loop.
package protocol RedisReplyReceiver: AnyObject {
    /// Reports the reply, or why the command has no reply. Called exactly once for each accepted
    /// command.
    func received(_ reply: Result<RedisReply, RedisFailure>)
}

/// A task that waits for a reply.
final class RedisReplyTask: RedisReplyReceiver {
    private let task: Suspension<Result<RedisReply, RedisFailure>>

    init(_ task: Suspension<Result<RedisReply, RedisFailure>>) { self.task = task }

    func received(_ reply: Result<RedisReply, RedisFailure>) { task.resume(returning: reply) }
}
