/// The command that the command line selects.
enum Command: Equatable {
    case serve
    case help
    case version
    case token(TokenArguments)

    static let versionNumber = "0.1.0"

    /// - Parameter arguments: the command line without the program's name.
    init(_ arguments: [String]) throws(UsageError) {
        let rest = arguments.dropFirst()
        switch arguments.first {
        case nil: self = .serve
        case "--help", "-h", "help": self = .help
        case "--version": self = .version
        case "token" where rest != ["--help"]: self = .token(try TokenArguments(rest))
        case "token":
            self = .help
            return
        case let argument?:
            throw UsageError(reason: "\"\(argument)\" is neither an option nor a command")
        }
        if self == .help || self == .version, let second = rest.first {
            throw UsageError(reason: "unexpected argument \"\(second)\"")
        }
    }

    static let usage = """
        core-api: checks merchants' transactions and puts them on a queue in Redis.

        usage:
          core-api              run the server
          core-api token --user-id N --username NAME [--disabled] [--ttl-seconds N]
                                print a token like the Auth API's, signed with the secret (with
                                the newest one of a file)
          core-api --version
          core-api --help

        The server and the token command are configured by the environment:
          JWT_SECRET                 the secret shared with the Auth API; either this variable or
                                     JWT_SECRET_FILE is required
          JWT_SECRET_FILE            a file of secrets, one on each line, the newest first: each
                                     verifies tokens; read again on a change and on SIGHUP
          HTTP_HOST                  address to listen on (0.0.0.0)
          HTTP_PORT                  port to listen on (5000); 0 picks a free one
          METRICS_PORT               port to serve GET /metrics on (none); 0 picks a free one
          METRICS_HOST               address to serve GET /metrics on (HTTP_HOST)
          REDIS_URL                  redis://[user[:password]@]host[:port][/db], rediss:// with TLS,
                                     unix:///path/to/socket, or sentinels:
                                     redis-sentinel://host[:port][,host…][/db]?master=NAME,
                                     rediss-sentinel://, or nodes of a cluster:
                                     redis-cluster://host[:port][,host…], rediss-cluster://
                                     (redis://127.0.0.1:6379/0)
          REDIS_URL_FILE             a file that holds the URL, instead of REDIS_URL
          REDIS_TLS_CA_FILE          the authorities to trust, PEM (the system's)
          REDIS_TLS_CERT_FILE        the client's certificate, PEM (none)
          REDIS_TLS_KEY_FILE         the certificate's private key, PEM (none)
          QUEUE                      rq:NAME, stream:KEY or memory (rq:default)
          PARTITIONS                 partitions of stream:KEY, 1 to 1024 (1)
          DURABILITY                 what a 200 waits for: memory, aof, replica:N or
                                     aof+replica:N (memory)
          THREADS                    event loops (one for each core)
          ENQUEUE_TIMEOUT            seconds that a transaction waits for the queue's confirmation,
                                     1 to 30 (5)
          REPLAY_BYTES               bytes of confirmed transactions kept in memory for 30 s, to be
                                     sent again if Redis loses them (16777216; 0: none)
          RATE_LIMIT                 COUNT/SECONDS: transactions of each user that are accepted in
                                     so many seconds, 1 to 100000 in 1 to 86400 (no limit)
          STATUS_SECONDS             seconds that GET /transaction/{id} tells the status of a
                                     transaction after its last change, to 31536000 (0: never)
          MAX_CONNECTIONS            limit of callers' connections (as many as the limit of open
                                     files and the memory allow, at most 65536)
          JWT_AUDIENCE               the audience that tokens must name (none)
          JWT_ISSUER                 the issuer that tokens must name (none)
          JWT_LEEWAY_SECONDS         allowed difference of clocks (0)
          JWT_MAX_LIFETIME_SECONDS   maximum time from now to exp (no maximum)
          HEALTH_QUEUE_DEPTH_WARN    /health warns if more transactions wait (0: never)
          HEALTH_QUEUE_AGE_WARN_SECONDS
                                     /health warns if the oldest waiting transaction is older
                                     (300; 0: never)
          HEALTH_WORKERS_MIN         /health warns if there are fewer workers, 0 to 100 (1)
          HEALTH_WORKER_SILENCE_SECONDS
                                     a worker whose last heartbeat is older counts as dead (480)
          LOG_LEVEL                  trace, debug, info, notice, warning, error, critical (info)
          ACCESS_LOG_LEVEL           off, or the level of one line for each request (off)
          LOG_FORMAT                 text or json (text on a terminal, otherwise json)

        """
}

/// The arguments of `core-api token`.
struct TokenArguments: Equatable {
    private(set) var userID = 0
    private(set) var username = ""
    private(set) var isEnabled = true
    private(set) var lifetimeSeconds = 30

    static let userIDBounds = 0...9_007_199_254_740_991
    static let lifetimeSecondsBounds = 1...3_155_760_000

    init(_ arguments: ArraySlice<String>) throws(UsageError) {
        var rest = arguments
        var seen: Set<String> = []
        while let option = rest.popFirst() {
            guard seen.insert(option).inserted else {
                throw UsageError(reason: "\(option) is given twice")
            }
            switch option {
            case "--disabled": isEnabled = false
            case "--user-id":
                userID = try Self.integer(rest.popFirst(), option, in: Self.userIDBounds)
            case "--ttl-seconds":
                lifetimeSeconds = try Self.integer(
                    rest.popFirst(), option, in: Self.lifetimeSecondsBounds)
            case "--username":
                guard let name = rest.popFirst(), !name.isEmpty else {
                    throw UsageError(reason: "\(option) needs a name")
                }
                username = name
            default: throw UsageError(reason: "\"\(option)\" is no option of token")
            }
        }
        guard seen.contains("--user-id"), seen.contains("--username") else {
            throw UsageError(reason: "token needs --user-id and --username")
        }
    }

    private static func integer(
        _ text: String?, _ option: String, in bounds: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        guard let text, let value = Int(text), bounds.contains(value) else {
            throw UsageError(
                reason: "\(option) needs a whole number from \(bounds.lowerBound) "
                    + "to \(bounds.upperBound)")
        }
        return value
    }
}

/// The command line is invalid.
struct UsageError: Error, Equatable {
    let reason: String
}
