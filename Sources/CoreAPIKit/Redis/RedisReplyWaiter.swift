/// Who waits for a reply of Redis.
enum RedisReplyWaiter {
    typealias Reply = Result<RedisReply, RedisFailure>

    case task(Suspension<Reply>)
    case pending(PendingTransaction)

    func resume(returning reply: Reply) {
        switch self {
        case .task(let task): task.resume(returning: reply)
        case .pending(let transaction): transaction.resume(returning: reply)
        }
    }
}
