/// Why a consumer has no success with Redis.
public enum ConsumerError: Error, Hashable, Sendable {
    /// Redis could not be asked in time. It passes by itself: the same may be tried again.
    case unavailable(RedisError)
    /// Redis refuses, and waiting does not help: a wrong password, a right that is missing, a key
    /// that holds another type.
    case refused(RedisError)
}

extension ConsumerError {
    init(_ error: RedisError) {
        self = error.isLastingForConsumer ? .refused(error) : .unavailable(error)
    }
}

extension RedisError {
    /// Whether a consumer gives up, since only an operator can mend it.
    var isLastingForConsumer: Bool {
        switch self {
        case .connectFailed, .tlsFailed, .loginUnanswered, .loginReplyUnexpected, .hostNotFound,
            .timedOut, .connectionLost, .protocolViolation, .durabilityNotReached, .backlogFull:
            return false
        case .urlInvalid, .queueNameInvalid, .tlsInvalid, .closed: return true
        case .refused(let reply), .server(let reply):
            guard !reply.isPassing else { return false }
            switch reply.kind {
            // What an operator mends while everybody waits: a full memory, a full disk.
            case .outOfMemory, .cannotPersist: return false
            // The group is made anew.
            case .noGroup: return false
            default: return true
            }
        }
    }
}

extension RedisFailure {
    /// Why there is no reply, whether or not the command was executed.
    var reason: RedisError {
        switch self {
        case .notExecuted(let reason), .mayBeExecuted(let reason): reason
        }
    }
}
