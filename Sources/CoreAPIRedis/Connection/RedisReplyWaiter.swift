internal import CoreAPIBase

/// An object that a connection calls with the reply to its command, on the connection's loop.
package protocol RedisReplyReceiver: AnyObject {
    /// The reply, or the reason why there is none; called exactly once for each command taken.
    func received(_ reply: Result<RedisReply, RedisFailure>)
}

/// The part of the program that waits for a reply of Redis.
enum RedisReplyWaiter {
    typealias Reply = Result<RedisReply, RedisFailure>

    case task(Suspension<Reply>)
    case receiver(any RedisReplyReceiver)

    func resume(returning reply: Reply) {
        switch self {
        case .task(let task): task.resume(returning: reply)
        case .receiver(let receiver): receiver.received(reply)
        }
    }
}
