internal import Logging

/// Logs the start of a Redis outage, once for each outage and reason, and its end.
struct RedisOutageLog {
    private let logger: Logger
    private let url: RedisURL
    /// The error of the last warning; nil when no outage is logged.
    private var loggedError: RedisError?
    /// Whether the last log line reported an outage.
    private(set) var isOutage = false

    init(_ url: RedisURL, _ logger: Logger) {
        self.url = url
        self.logger = logger
    }

    /// Reports that the login has succeeded.
    mutating func becameReady() {
        switch loggedError {
        // After these errors a login is no recovery: Redis may accept the login and still refuse
        // commands, or accept the connection and then refuse the client's certificate.
        case .server, .tlsFailed: break
        default: logConnected()
        }
    }

    /// Reports a successful command, which ends any outage.
    mutating func answered() {
        if isOutage { logConnected() }
    }

    /// Reports that a connection was lost or an attempt failed.
    mutating func lost(_ error: RedisError) {
        guard loggedError != error else { return }
        loggedError = error
        isOutage = true
        var metadata: Logger.Metadata = ["redis": "\(url)", "reason": "\(error)"]
        switch (error, url.endpoint) {
        case (.loginUnanswered, .tcp): metadata["hint"] = "it may want TLS: rediss://"
        case (.loginUnanswered, .tls): metadata["hint"] = "it may want a client certificate"
        case (.refused, _): metadata["hint"] = url.loginWarning.map { "\($0)" }
        default: break
        }
        logger.warning("no connection to Redis", metadata: metadata)
    }

    private mutating func logConnected() {
        logger.info("connected to Redis", metadata: ["redis": "\(url)"])
        loggedError = nil
        isOutage = false
    }
}
