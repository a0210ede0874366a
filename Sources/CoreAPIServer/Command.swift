/// What the command line asks for.
enum Command: Equatable {
    case serve
    case help
    case version
    case token(TokenArguments)

    static let versionNumber = "0.1.0"

    /// - Parameter arguments: without the program's name.
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
            throw UsageError(reason: "\"\(second)\" is too much")
        }
    }

    static let usage = """
        core-api: takes merchants' transactions in and puts them on a queue in Redis.

        usage:
          core-api              run the server
          core-api token --user-id N --username NAME [--disabled] [--ttl-seconds N]
                                print a token as the Auth API gives them, signed with the secret,
                                or the newest of several
          core-api --version
          core-api --help

        The server and the token command are configured by the environment:
          JWT_SECRET                 the secret shared with the Auth API: this or the next one
                                     is required
          JWT_SECRET_FILE            a file of secrets, one on each line, the newest first: all of
                                     them are believed; read again when it changes and on SIGHUP
          HTTP_HOST                  address to listen on (0.0.0.0)
          HTTP_PORT                  port to listen on (5000); 0 picks a free one
          METRICS_PORT               port to serve GET /metrics on (none); 0 picks a free one
          METRICS_HOST               address to serve it on (HTTP_HOST)
          REDIS_URL                  redis://[user[:password]@]host[:port][/db], rediss:// with TLS,
                                     or unix:///path/to/socket (redis://127.0.0.1:6379/0)
          REDIS_URL_FILE             a file that holds the URL, instead of REDIS_URL
          REDIS_TLS_CA_FILE          the authorities to trust, PEM (those of the system)
          REDIS_TLS_CERT_FILE        the client's certificate, PEM (none)
          REDIS_TLS_KEY_FILE         its private key, PEM (none)
          QUEUE                      rq:NAME, stream:KEY or memory (rq:default)
          DURABILITY                 what a 200 waits for: memory, aof or replica:N (memory)
          THREADS                    event loops (one for each core)
          ENQUEUE_TIMEOUT            seconds until a transaction is given up, 1 to 30 (5)
          MAX_CONNECTIONS            callers' connections at the same time (what the limit of open
                                     files holds, at most 65536)
          JWT_AUDIENCE               the audience that tokens must name (none)
          JWT_ISSUER                 the issuer that tokens must name (none)
          JWT_LEEWAY_SECONDS         how far clocks may differ (0)
          JWT_MAX_LIFETIME_SECONDS   how far in the future exp may lie (no bound)
          HEALTH_QUEUE_DEPTH_WARN    /health warns if more transactions wait (0: never)
          HEALTH_QUEUE_AGE_WARN_SECONDS
                                     /health warns if one has waited for longer (300; 0: never)
          HEALTH_WORKERS_MIN         /health warns if there are fewer workers, 0 to 100 (1)
          HEALTH_WORKER_SILENCE_SECONDS
                                     a worker that was not heard of for longer is none (480)
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

/// A command line that asks for nothing this program does.
struct UsageError: Error, Equatable {
    let reason: String
}
