public import CoreAPIBase

/// Why a command to Redis failed, or why a connection cannot be opened.
@nonexhaustive public enum RedisError: Error, Hashable, Sendable {
    /// The URL is invalid.
    case urlInvalid(RedisURLError)
    /// An option is out of its bounds. Indirect for the same reason as `tlsInvalid`.
    indirect case argumentInvalid(ArgumentError)
    /// The name of the queue is invalid.
    case queueNameInvalid(QueueNameError)
    /// A TLS file cannot be used. The case is indirect, because its texts would enlarge every
    /// reply: a reply may be an error.
    indirect case tlsInvalid(TLSOptionsError)
    /// No connection could be made.
    case connectFailed(SystemError)
    /// TCP connected, but the TLS handshake failed.
    case tlsFailed(TLSError)
    /// The connection broke before Redis answered the login. This happens when a client without TLS
    /// connects to a TLS port, and when a required client certificate is missing.
    case loginUnanswered
    /// The reply to AUTH, SELECT or SCRIPT LOAD is not one that Redis sends. Another program
    /// listens there, or a proxy does not forward the command.
    case loginReplyUnexpected
    /// The host name cannot be resolved. The text is the resolver's reason.
    case hostNotFound(String)
    /// None of the sentinels answers.
    case sentinelsUnreachable
    /// The sentinels answer, and none of them knows the name of the master.
    case masterNameUnknown
    /// The sentinels refuse their user, their password, or the question for the master.
    case sentinelRefused(RedisServerError)
    /// The server that the sentinels name says that it is no master.
    case notMaster
    /// The connection was ended, because the sentinels name another master now.
    case masterMoved
    /// None of the cluster's nodes tells which node has which keys.
    case clusterUnreachable
    /// The cluster has no node for the keys, or none is known.
    case slotUnserved
    /// Redis refused the user, the password or the database of the URL.
    case refused(RedisServerError)
    /// Redis answered the command with an error.
    case server(RedisServerError)
    /// The reply missed its deadline.
    case timedOut
    /// The connection broke.
    case connectionLost
    /// The received bytes are not the Redis protocol (RESP 2), or not a reply to this command.
    case protocolViolation
    /// Redis executed the command, but neither its file nor its replicas confirmed it in time.
    case durabilityNotReached
    /// The producer's session was removed from Redis, so Redis cannot report what it has applied.
    case sessionLost
    /// Redis has another number of partitions for the stream than the queue or consumer: the number
    /// that Redis has, -1 if it is none.
    case partitionCountDiffers(inRedis: Int)
    /// The limit of pending commands is reached.
    case backlogFull
    /// `close` was called.
    case closed

    /// The value of a metric's `reason` label: Redis's own word for an error reply.
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
        case .sentinelsUnreachable: "sentinels_unreachable"
        case .masterNameUnknown: "master_name_unknown"
        case .sentinelRefused: "sentinel_refused"
        case .notMaster: "not_master"
        case .masterMoved: "master_moved"
        case .clusterUnreachable: "cluster_unreachable"
        case .slotUnserved: "slot_unserved"
        case .refused(let error), .server(let error): error.kind.rawValue.lowercased()
        case .timedOut: "timed_out"
        case .connectionLost: "connection_lost"
        case .protocolViolation: "protocol_violation"
        case .durabilityNotReached: "durability_not_reached"
        case .sessionLost: "session_lost"
        case .partitionCountDiffers: "partition_count_differs"
        case .backlogFull: "backlog_full"
        case .closed: "closed"
        }
    }
}

extension RedisError {
    /// Whether messages of a producer need not wait after the loss of a connection: neither a wrong
    /// password, nor another number of partitions, nor a Redis that does not let the session be
    /// opened is mended by waiting.
    ///
    /// - Parameter wasOpen: whether a session was open over the connection.
    func endsWaits(wasOpen: Bool) -> Bool {
        switch self {
        case .partitionCountDiffers: true
        case .refused(let reply): !reply.isPassing
        case .server(let reply): !reply.isPassing && !wasOpen
        default: false
        }
    }

    /// Whether the server is a replica, or may be a master that another one has replaced.
    var castsDoubtOnMaster: Bool {
        switch self {
        case .notMaster: true
        case .server(let reply), .refused(let reply): reply.castsDoubtOnMaster
        default: false
        }
    }

    package init(_ error: OutgoingConnectionError) {
        self =
            switch error {
            case .hostNotFound(let reason): .hostNotFound(reason)
            case .connectFailed(let error): .connectFailed(error)
            case .tlsFailed(let error): .tlsFailed(error)
            case .timedOut: .timedOut
            case .ended, .connectionLost: .connectionLost
            }
    }
}

/// An error reply of Redis: a word for its kind, then a message.
public struct RedisServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of errors that a queue handles, by the first word of the reply.
    @nonexhaustive public enum Kind: String, Sendable {
        /// The user lacks the permission.
        case noPermission = "NOPERM"
        /// Redis requires a password.
        case noAuthentication = "NOAUTH"
        /// The user or the password is wrong.
        case wrongPassword = "WRONGPASS"
        /// Redis has reached `maxmemory`.
        case outOfMemory = "OOM"
        /// The server is a replica and refuses writes.
        case readOnly = "READONLY"
        /// Redis has started and is loading its data.
        case loading = "LOADING"
        /// The server is a replica that has lost its master.
        case masterDown = "MASTERDOWN"
        /// Too few replicas are in sync (`min-replicas-to-write`).
        case noReplicas = "NOREPLICAS"
        /// Redis cannot persist and refuses writes.
        case cannotPersist = "MISCONF"
        /// A script blocks Redis.
        case busy = "BUSY"
        /// The key holds a value of another type.
        case wrongType = "WRONGTYPE"
        /// The cluster is moving the keys.
        case tryAgain = "TRYAGAIN"
        /// The cluster does not serve all hash slots.
        case clusterDown = "CLUSTERDOWN"
        /// Another node of the cluster serves the key.
        case moved = "MOVED"
        /// The cluster is moving the key, which another node has already.
        case ask = "ASK"
        /// The script is not loaded, or was flushed.
        case scriptUnknown = "NOSCRIPT"
        /// A blocked command was interrupted, for example because the master became a replica.
        case unblocked = "UNBLOCKED"
        /// The stream's consumer group does not exist.
        case noGroup = "NOGROUP"
        /// The consumer group already exists.
        case groupExists = "BUSYGROUP"
        /// The producer's session refuses a batch: an earlier batch is missing, the batch is too
        /// late, or the session does not exist.
        case session = "SESSION"
        /// Any other error.
        case other = "ERR"

        /// Whether a node of a cluster does not serve the keys' slot, now or at all.
        var concernsSlot: Bool {
            switch self {
            case .moved, .ask, .tryAgain, .clusterDown: true
            default: false
            }
        }

        fileprivate var isPassing: Bool {
            switch self {
            case .loading, .readOnly, .masterDown, .noReplicas, .tryAgain, .clusterDown, .busy,
                .scriptUnknown, .unblocked, .session:
                true
            case .noPermission, .noAuthentication, .wrongPassword, .outOfMemory, .cannotPersist,
                .wrongType, .moved, .ask, .noGroup, .groupExists, .other:
                false
            }
        }
    }

    /// The kind of the error.
    public let kind: Kind
    /// The text of the reply, including its first word, cut to 1,024 bytes because it is logged.
    public let message: String

    private static let messageBytesMax = 1_024

    package init(message: String) {
        // Decoding replaces a character that the cut splits.
        let message = String(
            decoding: message.utf8.prefix(RedisServerError.messageBytesMax), as: UTF8.self)
        self.message = message
        // Before Redis 7, an error within a script arrives as "ERR Error running script (…):
        // @user_script: 1: -READONLY …".
        var inner = message[...]
        while let mark = inner.firstRange(ofASCII: ": -") { inner = inner[mark.upperBound...] }
        let kind = Kind(rawValue: String(inner.prefix { $0 != " " })) ?? .other
        let lacksPermission =
            kind == .other
            && RedisServerError.rightsMessages.contains { message.firstRange(ofASCII: $0) != nil }
        self.kind = lacksPermission ? .noPermission : kind
    }

    /// Messages for a permission that a script lacks, which have no kind of their own. Redis before
    /// 7.2 sends "ERR The user executing the script can't run this command or subcommand …"; Valkey
    /// sends "ERR ACL failure in script: User … has no permissions …".
    private static let rightsMessages = [
        "The user executing the script ", "ACL failure in script: ",
    ]

    /// Whether the error is transient: the command was not executed, and is retried over another
    /// connection.
    package var isPassing: Bool {
        kind.isPassing || RedisServerError.passingMessages.contains { message.hasPrefix($0) }
    }

    /// Transient errors of kind `other`: too many clients, as after a restart; a barrier on a
    /// master that became a replica.
    static let passingMessages = ["ERR max number of clients reached"] + replicaMessages

    private static let replicaMessages = [
        "ERR WAIT cannot be used with replica", "ERR WAITAOF cannot be used with replica",
    ]

    /// Whether only a replica sends it, a master that becomes one, or one that has lost its
    /// replicas.
    var castsDoubtOnMaster: Bool {
        switch kind {
        case .readOnly, .masterDown, .unblocked, .noReplicas: true
        default: RedisServerError.replicaMessages.contains { message.hasPrefix($0) }
        }
    }

    /// Creates an error with a redacted text (`RedisSecrets`).
    init(_ kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    /// Limit of `description`, in Unicode scalars.
    private static let shownScalarsMax = 400

    /// The message for a log: cut to `shownScalarsMax`, with control characters and characters that
    /// change the direction of text escaped, such as `\u{1b}`.
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
