public import CoreAPIBase

/// Why a command to Redis had no success.
@nonexhaustive public enum RedisError: Error, Hashable, Sendable {
    /// The URL is none that this package understands.
    case urlInvalid(RedisURLError)
    /// An option is out of its bounds. Indirect for the same reason as `tlsInvalid`.
    indirect case argumentInvalid(ArgumentError)
    /// No queue can have this name.
    case queueNameInvalid(QueueNameError)
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
    /// The producer's session was removed from Redis, so it cannot tell what it has applied.
    case sessionLost
    /// As many commands as there may be are waiting.
    case backlogFull
    /// `close` has been called.
    case closed

    /// One word for each kind, for a metric's label: Redis's own where there is one.
    package var reason: String {
        switch self {
        case .urlInvalid: "url_invalid"
        case .argumentInvalid: "argument_invalid"
        case .queueNameInvalid: "queue_name_invalid"
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
        case .sessionLost: "session_lost"
        case .backlogFull: "backlog_full"
        case .closed: "closed"
        }
    }
}

extension RedisError {
    package init(_ error: OutgoingConnectionError) {
        self =
            switch error {
            case .hostNotFound(let reason): .hostNotFound(reason)
            case .connectFailed(let error): .connectFailed(error)
            case .tlsFailed(let error): .tlsFailed(error)
            case .timedOut: .timedOut
            case .connectionLost: .connectionLost
            }
    }
}

/// An error reply of Redis: a word that names its kind, then a message.
public struct RedisServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds that matter to a queue, by the word they begin with.
    @nonexhaustive public enum Kind: String, Sendable {
        /// The user may not do this.
        case noPermission = "NOPERM"
        /// A password is needed.
        case noAuthentication = "NOAUTH"
        /// User and password do not belong together.
        case wrongPassword = "WRONGPASS"
        /// Redis is at `maxmemory`.
        case outOfMemory = "OOM"
        /// A replica: the master is elsewhere.
        case readOnly = "READONLY"
        /// Redis has started and reads its data.
        case loading = "LOADING"
        /// A replica without its master.
        case masterDown = "MASTERDOWN"
        /// Too few replicas.
        case noReplicas = "NOREPLICAS"
        /// Redis cannot persist, so it refuses writes.
        case cannotPersist = "MISCONF"
        /// A script runs for too long.
        case busy = "BUSY"
        /// The key holds another type.
        case wrongType = "WRONGTYPE"
        /// A cluster moves the keys.
        case tryAgain = "TRYAGAIN"
        /// A cluster does not serve all its keys.
        case clusterDown = "CLUSTERDOWN"
        /// In a cluster, another server has the key.
        case moved = "MOVED"
        /// The script has not been loaded, or was flushed.
        case scriptUnknown = "NOSCRIPT"
        /// The wait of a blocked command was ended, as when a master becomes a replica.
        case unblocked = "UNBLOCKED"
        /// A stream's consumer group that is not there.
        case noGroup = "NOGROUP"
        /// A consumer group that is there already.
        case groupExists = "BUSYGROUP"
        /// A batch that a producer session does not take: another one is missing before it, its time
        /// is over, or the session is missing.
        case session = "SESSION"
        /// Any other.
        case other = "ERR"

        fileprivate var isPassing: Bool {
            switch self {
            case .loading, .readOnly, .masterDown, .noReplicas, .tryAgain, .clusterDown, .busy,
                .scriptUnknown, .unblocked, .session:
                true
            case .noPermission, .noAuthentication, .wrongPassword, .outOfMemory, .cannotPersist,
                .wrongType, .moved, .noGroup, .groupExists, .other:
                false
            }
        }
    }

    /// What kind of error it is.
    public let kind: Kind
    /// The text of the reply, its first word included: the first 1,024 bytes, since it is logged.
    public let message: String

    private static let messageBytesMax = 1_024

    package init(message: String) {
        // A character that is cut in two becomes a replacement character.
        let message = String(
            decoding: message.utf8.prefix(RedisServerError.messageBytesMax), as: UTF8.self)
        self.message = message
        // Before Redis 7, an error within a script comes as
        // "ERR Error running script (…): @user_script: 1: -READONLY …".
        var inner = message[...]
        while let mark = inner.place(of: ": -") { inner = inner[mark.upperBound...] }
        let kind = Kind(rawValue: String(inner.prefix { $0 != " " })) ?? .other
        let isRight =
            kind == .other
            && RedisServerError.rightsMessages.contains { message.place(of: $0) != nil }
        self.kind = isRight ? .noPermission : kind
    }

    /// How a right that a script lacks comes without a word for its kind: from Redis before 7.2 as
    /// "ERR The user executing the script can't run this command or subcommand …", from Valkey as
    /// "ERR ACL failure in script: User … has no permissions …".
    private static let rightsMessages = [
        "The user executing the script ", "ACL failure in script: ",
    ]

    /// Whether it passes by itself: the command was not executed, and is sent again over another
    /// connection.
    package var isPassing: Bool {
        kind.isPassing || RedisServerError.passingMessages.contains { message.hasPrefix($0) }
    }

    /// Of kind `other`: too many clients, as after a restart; a barrier's master has become a
    /// replica.
    static let passingMessages = [
        "ERR max number of clients reached", "ERR WAIT cannot be used with replica",
        "ERR WAITAOF cannot be used with replica",
    ]

    /// An error whose text is replaced by one that tells less (`RedisSecrets`).
    init(_ kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    /// How much of the message `description` has, in Unicode scalars.
    private static let shownScalarsMax = 400

    /// The message as it can be logged: the beginning of one that is long, and control characters,
    /// as well as those that change the direction of text, as `\u{1b}`.
    public var description: String {
        var text = ""
        for (count, scalar) in message.unicodeScalars.enumerated() {
            guard count < RedisServerError.shownScalarsMax else { return text + "…" }
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
