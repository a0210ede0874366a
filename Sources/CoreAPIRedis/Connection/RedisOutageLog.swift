internal import Logging

/// Tells an operator that Redis is away, once for each outage and reason, and that it is back.
struct RedisOutageLog {
    private let logger: Logger
    private let url: RedisURL
    /// The error that was told last; nil while there is none.
    private var told: RedisError?
    /// Whether Redis was away when this was told last.
    private(set) var isOutage = false

    init(_ url: RedisURL, _ logger: Logger) {
        self.url = url
        self.logger = logger
    }

    /// Redis has let us in.
    mutating func becameReady() {
        switch told {
        // A Redis that lets us in and refuses to work has not come back, nor has one that accepts
        // the connection and then refuses our certificate.
        case .server, .tlsFailed: break
        default: tellConnected()
        }
    }

    /// Redis works: an outage during which it let us in and refused is over.
    mutating func answered() {
        if isOutage { tellConnected() }
    }

    /// A connection has ended, or was none.
    mutating func lost(_ error: RedisError) {
        guard told != error else { return }
        told = error
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

    private mutating func tellConnected() {
        logger.info("connected to Redis", metadata: ["redis": "\(url)"])
        told = nil
        isOutage = false
    }
}
