/// Why a command to Redis had no success.
public enum RedisError: Error, Hashable, Sendable {
    /// The URL is none that this package understands.
    case urlInvalid(RedisURLError)
    /// A file for TLS cannot be used. Indirect, since its texts would make each reply larger that
    /// is handed on, and may be an error.
    indirect case tlsInvalid(TLSOptionsError)
    /// No connection could be made.
    case connectFailed(SystemError)
    /// The server is there, but there is no TLS with it.
    case tlsFailed(TLSError)
    /// The connection broke before Redis had answered the login, as it does where a server that
    /// wants TLS is spoken to without, or one that wants a client certificate gets none.
    case loginUnanswered
    /// What the server answered to AUTH, SELECT or SCRIPT LOAD is not what Redis answers: something
    /// else listens there, or a proxy that does not do what it is asked.
    case loginReplyUnexpected
    /// The host's name has no address; with the resolver's reason.
    case hostNotFound(String)
    /// Redis refused the name, the password or the database of the URL.
    case refused(RedisServerError)
    /// Redis answered the command with an error.
    case server(RedisServerError)
    /// No answer in time.
    case timedOut
    /// The connection broke.
    case connectionLost
    /// The bytes received are not the Redis protocol (RESP 2), or not the reply of this command.
    case protocolViolation
    /// Redis has executed the command, but in time neither its file nor its replicas had it.
    case durabilityNotReached
    /// As many commands as there may be are waiting.
    case backlogFull
    /// `close` has been called.
    case closed

    /// One word for each kind, for a metric's label: Redis's own where there is one.
    var reason: String {
        switch self {
        case .urlInvalid: "url_invalid"
        case .tlsInvalid: "tls_invalid"
        case .connectFailed: "connect_failed"
        case .tlsFailed: "tls_failed"
        case .loginUnanswered: "login_unanswered"
        case .loginReplyUnexpected: "login_reply_unexpected"
        case .hostNotFound: "host_not_found"
        case .refused(let error), .server(let error): error.kind.rawValue.lowercased()
        case .timedOut: "timed_out"
        case .connectionLost: "connection_lost"
        case .protocolViolation: "protocol_violation"
        case .durabilityNotReached: "durability_not_reached"
        case .backlogFull: "backlog_full"
        case .closed: "closed"
        }
    }
}
