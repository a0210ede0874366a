/// An error reply of Redis: a word that names its kind, then a message.
public struct RedisServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds that matter to a queue, by the word they begin with.
    public enum Kind: String, Sendable {
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
        /// Any other.
        case other = "ERR"

        fileprivate var isPassing: Bool {
            switch self {
            case .loading, .readOnly, .masterDown, .noReplicas, .tryAgain, .clusterDown, .busy,
                .scriptUnknown, .unblocked:
                true
            case .noPermission, .noAuthentication, .wrongPassword, .outOfMemory, .cannotPersist,
                .wrongType, .moved, .noGroup, .groupExists, .other:
                false
            }
        }
    }

    /// What kind of error it is.
    public let kind: Kind
    /// The whole text of the reply, its first word included, as Redis has sent it; without what
    /// may hold the URL's password.
    public let message: String

    /// An error whose text is replaced by one that tells less.
    init(_ kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    package init(message: String) {
        self.message = message
        // Before Redis 7, an error within a script comes as
        // "ERR Error running script (…): @user_script: 1: -READONLY …".
        var inner = message[...]
        while let mark = inner.place(of: ": -") { inner = inner[mark.upperBound...] }
        kind = Kind(rawValue: String(inner.prefix { $0 != " " })) ?? .other
    }

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
