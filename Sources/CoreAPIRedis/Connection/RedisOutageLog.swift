internal import CoreAPIBase
internal import Logging

/// Logs the start of a Redis outage, once for each outage and reason, and its end.
struct RedisOutageLog {
    private let logger: Logger
    private var url: RedisURL
    /// The error of the last warning; nil when no outage is logged.
    private var loggedError: RedisError?
    /// Whether the last log line reported an outage.
    private(set) var isOutage = false
    /// The address of the last login, if sentinels have named it.
    private var address: RedisAddress?

    init(_ url: RedisURL, _ logger: Logger) {
        self.url = url
        self.logger = logger
    }

    /// Names another URL of the same Redis from now on.
    mutating func adopt(_ url: RedisURL) { self.url = url }

    /// Reports that the login has succeeded.
    ///
    /// - Parameter address: the server's, if sentinels have named it.
    mutating func becameReady(at address: RedisAddress?) {
        self.address = address
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
        if let hint = error.hint(for: url) { metadata["hint"] = "\(hint)" }
        if let address { metadata["address"] = "\(address)" }
        // A planned failover is no outage.
        let level = error == .masterMoved ? Logger.Level.notice : .warning
        logger.log(level: level, "no connection to Redis", metadata: metadata)
    }

    private mutating func logConnected() {
        var metadata: Logger.Metadata = ["redis": "\(url)"]
        if let address { metadata["address"] = "\(address)" }
        logger.info("connected to Redis", metadata: metadata)
        loggedError = nil
        isOutage = false
    }
}

extension RedisError {
    /// What an operator may have to mend; nil if the error says enough.
    package func hint(for url: RedisURL) -> String? {
        switch (self, url.place) {
        case (.loginUnanswered, .server(.tcp)): "it may want TLS: rediss://"
        case (.loginUnanswered, .server(.tls)): "it may want a client certificate"
        case (.refused, _): url.loginWarning
        case (.sentinelsUnreachable, _): "none of the sentinels answers"
        case (.masterNameUnknown, _): "the sentinels answer, and none knows the name of the master"
        case (.sentinelRefused(let reply), _):
            reply.message.firstRange(ofASCII: "unknown command") != nil
                ? "the URL names a Redis, and no sentinel: sentinels have another port, 26379"
                : "sentinels have a login of their own: sentinel_username and sentinel_password"
        case (.notMaster, _): "the server that the sentinels name says that it is no master"
        default: nil
        }
    }
}
