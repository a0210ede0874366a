internal import CoreAPIKit

/// The command that the command line selects.
enum Command: Equatable {
    case serve
    case help
    case version
    case token(TokenArguments)
    case keys(KeysArguments)
    case operate(OperatorCommand, asJSON: Bool)

    static let versionNumber = "0.1.0"

    /// - Parameter arguments: the command line without the program's name.
    init(_ arguments: [String]) throws(UsageError) {
        let rest = arguments.dropFirst()
        switch arguments.first {
        case nil: self = .serve
        case "--help", "-h", "help": self = .help
        case "--version": self = .version
        case "token" where rest != ["--help"]: self = .token(try TokenArguments(rest))
        case "keys" where rest != ["--help"]: self = .keys(try KeysArguments(rest))
        case "token", "keys":
            self = .help
            return
        case "status", "transaction", "dead":
            guard let found = try OperatorCommand.parse(arguments) else {
                self = .help
                return
            }
            self = .operate(found.command, asJSON: found.asJSON)
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
                         [--key FILE [--kid ID] [--alg NAME]]
                                print a token like the Auth API's, signed with the secret (with
                                the newest one of a file), or with the private key of a PEM file;
                                its kid is ID (none), its alg NAME (RS256, ES256, ES384, ES512 or
                                Ed25519, as the key is), its aud and iss JWT_AUDIENCE and
                                JWT_ISSUER; valid for 30 s, or JWT_MAX_LIFETIME_SECONDS if that is
                                less
          core-api keys [--kid ID] FILE …
                                print the public keys of PEM files, public or private, one in
                                each, as a JWK Set; the kid of the next file is ID (its RFC 7638
                                thumbprint)
          core-api status [--json]
                                print the state of Redis and the queue, as /health does
          core-api transaction ID [--json]
                                print what became of a transaction
          core-api dead list [--reason TEXT] [--all] [--json]
                                print the reasons of the dead letters, or the letters
          core-api dead show ID [--json]
          core-api dead requeue ID | --reason TEXT | --all [--json]
          core-api dead remove ID | --reason TEXT | --all [--json]
                                put dead letters back on the queue, or remove them
          core-api --version
          core-api --help

        The server and its commands are configured by the environment:
          JWT_SECRET                 the secret shared with the Auth API; either this variable,
                                     JWT_SECRET_FILE or a key set is required
          JWT_SECRET_FILE            a file of secrets, one on each line, the newest first: each
                                     verifies tokens; read again on a change and on SIGHUP
          JWT_JWKS_FILE              a file of the issuer's public keys (JWK Set), alone or beside a
                                     secret; read again on a change and on SIGHUP
          JWT_JWKS_URL               their URL, https:// (http:// for this machine), instead of the
                                     file; fetched in the background
          JWT_JWKS_CA_FILE           the authorities to trust for the URL, PEM (the system's); read
                                     again on a change and on SIGHUP
          JWT_JWKS_STALE_SECONDS     how long the URL's last good keys are used while the issuer is
                                     away, 60 to 2592000 (86400)
          JWT_ALGORITHMS             the algorithms to believe: HS256, RS256, RS384, RS512, PS256,
                                     PS384, PS512, ES256, ES384, ES512, Ed25519, EdDSA, with commas
                                     between them (what the keys permit)
          HTTP_HOST                  address to listen on, or unix:/path (0.0.0.0)
          HTTP_PORT                  port to listen on (5000); 0 picks a free one
          METRICS_PORT               port to serve GET /metrics on (none); 0 picks a free one
          METRICS_HOST               address to serve GET /metrics on, or unix:/path instead of
                                     METRICS_PORT (HTTP_HOST)
          CONSOLE_PASSWORD_FILE      the password of the operators' page at METRICS_PORT, user
                                     operator (none: there is no page)
          CONSOLE_ACTIONS            on, or off: the page changes nothing (on)
          REDIS_URL                  redis://[user[:password]@]host[:port][/db], rediss:// with TLS,
                                     unix:///path/to/socket, or sentinels:
                                     redis-sentinel://host[:port][,host…][/db]?master=NAME,
                                     rediss-sentinel://, or nodes of a cluster:
                                     redis-cluster://host[:port][,host…], rediss-cluster://
                                     (redis://127.0.0.1:6379/0)
          REDIS_URL_FILE             a file that holds the URL, instead of REDIS_URL; this file and
                                     the next three are read again on a change and on SIGHUP
          REDIS_TLS_CA_FILE          the authorities to trust, PEM (the system's)
          REDIS_TLS_CERT_FILE        the client's certificate, PEM (none)
          REDIS_TLS_KEY_FILE         the certificate's private key, PEM (none)
          QUEUE                      rq:NAME, stream:KEY or memory (rq:default)
          PARTITIONS                 partitions of stream:KEY, 1 to 1024 (1)
          RQ_FUNCTION                what workers of rq:NAME run (__main__.make_transaction)
          RQ_JOB_TIMEOUT             seconds that a job may run, or -1 for no limit (180)
          RQ_FAILURE_TTL             seconds that rq keeps a failed job, or -1 for ever (a year)
          RQ_KEY_PREFIX              what the keys of rq 3 begin with, as its workers have it (rq)
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
          OTEL_EXPORTER_OTLP_ENDPOINT
                                     URL of a collector of OpenTelemetry, to which requests are
                                     traced (none: no traces); OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
                                     with its path. Further variables of OpenTelemetry:
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
          OTEL_EXPORTER_OTLP_HEADERS
          OTEL_EXPORTER_OTLP_TRACES_HEADERS
          OTEL_EXPORTER_OTLP_TIMEOUT
          OTEL_EXPORTER_OTLP_TRACES_TIMEOUT
          OTEL_EXPORTER_OTLP_CERTIFICATE
          OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE
          OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE
          OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE
          OTEL_EXPORTER_OTLP_CLIENT_KEY
          OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY
          OTEL_EXPORTER_OTLP_PROTOCOL
          OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
          OTEL_EXPORTER_OTLP_COMPRESSION
          OTEL_EXPORTER_OTLP_TRACES_COMPRESSION
          OTEL_SDK_DISABLED
          OTEL_TRACES_EXPORTER
          OTEL_PROPAGATORS
          OTEL_SERVICE_NAME
          OTEL_RESOURCE_ATTRIBUTES
          OTEL_TRACES_SAMPLER
          OTEL_TRACES_SAMPLER_ARG

        """
}

/// The arguments of `core-api token`.
struct TokenArguments: Equatable {
    private(set) var userID = 0
    private(set) var username = ""
    private(set) var isEnabled = true
    /// How long the token is valid; nil for as long as the Auth API's, or the server's maximum.
    private(set) var lifetimeSeconds: Int?
    /// The file of the private key; nil to sign with the secret.
    private(set) var keyFile: String?
    private(set) var keyID: String?
    private(set) var algorithm: TokenAlgorithm?

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
            case "--key": keyFile = try Self.text(rest.popFirst(), option, "the path of a file")
            case "--kid": keyID = try Self.text(rest.popFirst(), option, "a key's ID")
            case "--alg": algorithm = try Self.algorithm(rest.popFirst(), option)
            default: throw UsageError(reason: "\"\(option)\" is no option of token")
            }
        }
        guard seen.contains("--user-id"), seen.contains("--username") else {
            throw UsageError(reason: "token needs --user-id and --username")
        }
        guard keyFile != nil || keyID == nil && algorithm == nil else {
            throw UsageError(reason: "--kid and --alg need --key, the file of a private key")
        }
    }

    private static func text(
        _ text: String?, _ option: String, _ expectation: String
    ) throws(UsageError) -> String {
        guard let text, !text.isEmpty else {
            throw UsageError(reason: "\(option) needs \(expectation)")
        }
        return text
    }

    private static func algorithm(
        _ text: String?, _ option: String
    ) throws(UsageError) -> TokenAlgorithm {
        guard let algorithm = text.flatMap({ TokenAlgorithm(rawValue: $0) }), algorithm != .hs256
        else {
            let names = TokenAlgorithm.allCases.filter { $0 != .hs256 }.map(\.rawValue)
            throw UsageError(reason: "\(option) needs one of \(names.joined(separator: ", "))")
        }
        return algorithm
    }

    private static func integer(
        _ text: String?, _ option: String, in bounds: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        guard let text, let value = WholeNumber.read(text[...]), bounds.contains(value) else {
            throw UsageError(reason: "\(option) needs \(WholeNumber.expectation(bounds))")
        }
        return value
    }
}

/// The command line is invalid.
struct UsageError: Error, Equatable {
    let reason: String
}
