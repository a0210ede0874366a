public import CoreAPIRedis

/// Why a command of a consumer failed.
@nonexhaustive public enum ConsumerError: Error, Hashable, Sendable {
    /// Redis did not answer in time or cannot execute the command now. The error passes by itself:
    /// the caller may retry.
    case unavailable(RedisError)
    /// A lasting error, which only an operator can mend: a wrong password, a missing right, a key
    /// of another type, or a wrong argument.
    case refused(RedisError)
}

extension ConsumerError {
    init(_ error: RedisError) {
        self = error.isLastingForConsumer ? .refused(error) : .unavailable(error)
    }
}

extension RedisError {
    /// Whether a consumer gives up, since only an operator can mend the cause: a missing right, the
    /// password, a key of another type, another number of partitions, wrong arguments, or a
    /// connection that this process closed. The consumer retries after every other error, including
    /// unknown ones: a consumer that gives up processes no more transactions.
    var isLastingForConsumer: Bool {
        switch self {
        case .urlInvalid, .argumentInvalid, .queueNameInvalid, .tlsInvalid, .closed,
            .partitionCountDiffers:
            true
        case .refused(let reply), .server(let reply):
            switch reply.kind {
            case .noPermission, .noAuthentication, .wrongPassword, .wrongType: true
            default: false
            }
        default: false
        }
    }
}
