public import CoreAPIRedis

/// Why a consumer has no success with Redis.
@nonexhaustive public enum ConsumerError: Error, Hashable, Sendable {
    /// Redis could not be asked in time, or does not do it now. It passes by itself: the same may
    /// be tried again.
    case unavailable(RedisError)
    /// Redis refuses, and waiting does not help: a wrong password, a right that is missing, a key
    /// that holds another type. Nothing else is.
    case refused(RedisError)
}

extension ConsumerError {
    init(_ error: RedisError) {
        self = error.isLastingForConsumer ? .refused(error) : .unavailable(error)
    }
}

extension RedisError {
    /// Whether a consumer gives up, since only an operator can mend it: a right, the password, a
    /// key of another type, and what this process itself was given or has ended. Everything else is
    /// waited for, errors that this package does not know among it: a consumer that ends charges
    /// nobody any more.
    var isLastingForConsumer: Bool {
        switch self {
        case .urlInvalid, .argumentInvalid, .queueNameInvalid, .tlsInvalid, .closed: true
        case .refused(let reply), .server(let reply):
            switch reply.kind {
            case .noPermission, .noAuthentication, .wrongPassword, .wrongType: true
            default: false
            }
        default: false
        }
    }
}
