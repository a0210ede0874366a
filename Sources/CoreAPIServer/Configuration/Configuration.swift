internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The environment as typed values. Every value is checked before anything is started.
struct Configuration {
    /// Where accepted transactions go.
    enum Queue: Equatable {
        /// Jobs of python-rq.
        case rq(name: String)
        /// Entries of a Redis Stream.
        case stream(key: String)
        /// Nowhere: for trials.
        case memory

        /// As the variable has it.
        var name: String {
            switch self {
            case .rq(let name): "rq:\(name)"
            case .stream(let key): "stream:\(key)"
            case .memory: "memory"
            }
        }
    }

    enum LogFormat: String, CaseIterable { case text, json }

    let host: String
    /// 0 picks a free port.
    let port: UInt16
    /// Where metrics are served; nil if none are recorded.
    let metrics: MetricsAddress?
    let redis: RedisConfiguration
    let secrets: SecretsConfiguration
    let queue: Queue
    let threads: Int
    /// What a 200 waits for besides Redis's own confirmation; nil for nothing.
    let durability: RedisBarrier?
    /// How long a transaction may wait for the queue to confirm it.
    let enqueueTimeoutSeconds: Int
    /// Callers' connections, over all loops together.
    let connectionsMax: Int
    /// What the buffers of all connections may hold together, beside what each has of its own.
    let buffersBytesMax: Int
    let tokenPolicy: TokenPolicy
    let health: HealthThresholds
    let logLevel: Logger.Level
    /// Of a line for each request; nil for none.
    let accessLogLevel: Logger.Level?
    /// Nil: text on a terminal, otherwise JSON.
    let logFormat: LogFormat?

    /// How many transactions the queue of `memory` holds: nobody takes them out.
    static let memoryQueueCapacity = 1_000_000
    static let threadsMax = 1_024
    static let replicasBounds = 1...100
    /// No longer than `SIGTERM` waits; and far below the time for which the record is kept that
    /// keeps a late attempt from enqueueing twice.
    static let enqueueTimeoutSecondsMax = drainTimeoutMilliseconds / 1_000
    static let connectionsMaxBounds = 1...1_000_000
    /// A century: a bound against overflow, not a recommendation.
    static let secondsMax = 3_155_760_000
    /// How long `SIGTERM` waits for what is in flight.
    static let drainTimeoutMilliseconds = 30_000

    /// - Parameters:
    ///   - environment: a variable's bytes; nil, or none, if it is not set.
    ///   - cores: how many threads there are without `THREADS`.
    ///   - openFilesMax: the process's limit of open files.
    ///   - memoryBytes: how much memory the process may use.
    init(
        environment: @escaping (String) -> [UInt8]?, cores: Int, openFilesMax: Int,
        memoryBytes: Int = .max
    ) throws(ConfigurationError) {
        let values = EnvironmentReader(environment)
        secrets = try SecretsConfiguration(values)
        host = try values.host("HTTP_HOST") ?? "0.0.0.0"
        port = UInt16(try values.integer("HTTP_PORT", in: 0...65_535) ?? 5_000)
        metrics = try values.metrics(publicHost: host, publicPort: port)
        redis = try RedisConfiguration(values)
        queue = try values.queue("QUEUE") ?? .rq(name: "default")
        threads =
            try values.integer("THREADS", in: 1...Configuration.threadsMax)
            ?? min(cores, Configuration.threadsMax)
        durability = try values.durability("DURABILITY", of: queue)
        enqueueTimeoutSeconds =
            try values.integer(
                "ENQUEUE_TIMEOUT", in: 1...Configuration.enqueueTimeoutSecondsMax) ?? 5
        connectionsMax = try values.connections(
            "MAX_CONNECTIONS",
            OpenFiles(
                limit: openFilesMax, threads: threads,
                hasMetricsPort: metrics?.isPublic == false), memoryBytes: memoryBytes)
        buffersBytesMax = MemoryLimit.buffersMax(memoryBytes: memoryBytes)
        tokenPolicy = TokenPolicy(
            audience: try values.text("JWT_AUDIENCE"), issuer: try values.text("JWT_ISSUER"),
            validLeeway: .seconds(
                try values.integer("JWT_LEEWAY_SECONDS", in: 0...Configuration.secondsMax) ?? 0),
            try values.integer("JWT_MAX_LIFETIME_SECONDS", in: 1...Configuration.secondsMax)
                .map { .seconds($0) })
        health = try values.health()
        logLevel =
            try values.choice(
                "LOG_LEVEL", Logger.Level.allCases.map { ($0.rawValue, $0) }) ?? .info
        accessLogLevel =
            try values.choice(
                "ACCESS_LOG_LEVEL",
                [("off", nil)] + Logger.Level.allCases.map { ($0.rawValue, $0) }) ?? nil
        logFormat = try values.choice("LOG_FORMAT", LogFormat.allCases.map { ($0.rawValue, $0) })
    }
}

/// A variable whose value cannot be used.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    let variable: String
    /// The value as it can be shown; nil if there is none, or none to be shown.
    let value: String?
    /// What would be right.
    let expectation: String
    /// Whether it may pass without a change of the configuration, as a file that is not there yet.
    var mayPass = false

    var description: String {
        let found = value.map { "is \"\($0)\"" } ?? "is not set, or not usable"
        return "\(variable) \(found): \(expectation)"
    }
}
