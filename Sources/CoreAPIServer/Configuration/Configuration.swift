internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The configuration: the environment's variables as typed values, all checked before the start. A
/// class, since many parts read the one that there is: the code that copies it took 10 KB.
final class Configuration {
    /// The queue that accepted transactions go to.
    enum Queue: Equatable {
        /// Jobs of python-rq.
        case rq(name: String, RQJobOptions)
        /// Entries of a Redis Stream, or of as many as it has partitions.
        case stream(StreamPartitions)
        /// A queue in memory that no consumer reads, for trials.
        case memory

        /// The value of `QUEUE` that selects this queue.
        var name: String {
            switch self {
            case .rq(let name, _): "rq:\(name)"
            case .stream(let partitions): "stream:\(partitions.key)"
            case .memory: "memory"
            }
        }

        /// A slot of a Redis Cluster that has keys of the queue.
        var slot: HashSlot {
            if case .stream(let partitions) = self {
                partitions.slot(0)
            } else {
                HashSlot(ofKey: [])
            }
        }

        /// The name of the queue, without its kind.
        var destination: String {
            switch self {
            case .rq(let name, _): name
            case .stream(let partitions): partitions.key
            case .memory: "memory"
            }
        }

        /// The kind of a queue in Redis; nil for one in memory.
        var kind: QueueProbe.Kind? {
            switch self {
            case .rq(let name, let jobs): .rq(RQKeys(name: name, prefix: jobs.keyPrefix))
            case .stream(let partitions): .stream(partitions)
            case .memory: nil
            }
        }
    }

    enum LogFormat: String, CaseIterable { case text, json }

    let host: String
    /// The callers' port; 0 picks a free port.
    let port: UInt16
    /// The address that serves metrics; nil if the server records no metrics.
    let metrics: MetricsAddress?
    /// The operators' web page; nil without it.
    let console: ConsoleConfiguration?
    let redis: RedisConfiguration
    let secrets: SecretsConfiguration
    /// The algorithms of tokens that are believed.
    let algorithms: AlgorithmsConfiguration
    /// The issuer's public keys; nil without a key set.
    let keySet: KeySetConfiguration?
    let queue: Queue
    /// The variables of Redis that are set although the queue is in memory.
    let unusedVariables: [String]
    let threads: Int
    /// The durability barrier that a 200 waits for; nil if the reply of Redis suffices.
    let durability: RedisBarrier?
    /// The timeout of a transaction's confirmation by the queue, in seconds.
    let enqueueTimeoutSeconds: Int
    /// The limit of the bytes of confirmed transactions that all loops keep together, to be sent
    /// again if Redis loses them.
    let replayBytesMax: Int
    /// How long the status of a transaction is kept after its last change, in seconds; 0 for not
    /// at all.
    let statusSeconds: Int
    /// How many transactions of each user are accepted; nil for any number.
    let rateLimit: RateLimit?
    /// The limit of callers' connections over all loops.
    let connectionsMax: Int
    /// The limit of all connections' buffers together, in bytes, beyond each connection's own small
    /// buffer.
    let buffersBytesMax: Int
    let tokenPolicy: TokenPolicy
    let health: HealthThresholds
    /// The export of spans; nil if requests are not traced.
    let tracing: TracingConfiguration?
    let logLevel: Logger.Level
    /// The level of the access log's lines; nil disables the access log.
    let accessLogLevel: Logger.Level?
    /// The log format; nil chooses text on a terminal, otherwise JSON.
    let logFormat: LogFormat?

    /// The capacity of the queue of `QUEUE=memory`, which no consumer empties.
    static let memoryQueueCapacity = 1_000_000
    /// What only a queue in Redis uses. With `QUEUE=memory` they are no error, so that the
    /// environment of a real server serves for a trial.
    private static let variablesOfRedis =
        RedisConfiguration.variables + [
            "ENQUEUE_TIMEOUT", "REPLAY_BYTES", "HEALTH_QUEUE_DEPTH_WARN",
            "HEALTH_QUEUE_AGE_WARN_SECONDS", "HEALTH_WORKERS_MIN", "HEALTH_WORKER_SILENCE_SECONDS",
        ]
    static let threadsMax = 1_024
    static let replicasBounds = 1...100
    /// Maximum of `ENQUEUE_TIMEOUT`: the drain's timeout.
    static let enqueueTimeoutSecondsMax = drainTimeoutMilliseconds / 1_000
    static let connectionsMaxBounds = 1...1_000_000
    /// Maximum of settings in seconds: a century, to exclude overflow.
    static let secondsMax = 3_155_760_000
    /// The timeout of the drain after SIGTERM.
    static let drainTimeoutMilliseconds = 30_000

    /// - Parameters:
    ///   - environment: returns a variable's bytes; nil or empty if the variable is not set.
    ///   - cores: the number of online cores: the default of `THREADS`.
    ///   - openFilesMax: the process's limit of open files.
    ///   - memoryBytes: the memory that the process may use.
    ///   - inheritsMetricsSocket: whether the process inherited a socket that serves metrics.
    init(
        environment: @escaping (String) -> [UInt8]?, cores: Int, openFilesMax: Int,
        memoryBytes: Int = .max, inheritsMetricsSocket: Bool = false
    ) throws(ConfigurationError) {
        let values = EnvironmentReader(environment)
        let hasKeySet = try KeySetConfiguration.isConfigured(values)
        secrets = try SecretsConfiguration(values, isRequired: !hasKeySet)
        algorithms = try AlgorithmsConfiguration(
            values, hasSecret: !secrets.secrets.isEmpty, hasKeySet: hasKeySet)
        keySet = try KeySetConfiguration.read(values, algorithms.asymmetric)
        host = try values.host("HTTP_HOST") ?? "0.0.0.0"
        port = UInt16(try values.integer("HTTP_PORT", in: 0...65_535) ?? 5_000)
        if ListeningAddress.unixPath(host) != nil {
            try values.refuse(
                "HTTP_PORT", because: "HTTP_HOST is a Unix socket, which has no port")
        }
        let configuredMetrics = try values.metrics(publicHost: host, publicPort: port)
        metrics = inheritsMetricsSocket ? .inherited : configuredMetrics
        console = try ConsoleConfiguration(values, hasPort: metrics != nil)
        redis = try RedisConfiguration(values)
        queue = try values.queue("QUEUE", partitions: "PARTITIONS")
        try redis.check(queue)
        unusedVariables =
            queue == .memory
            ? Configuration.variablesOfRedis.filter { values.bytes($0) != nil } : []
        threads =
            try values.integer("THREADS", in: 1...Configuration.threadsMax)
            ?? min(cores, Configuration.threadsMax)
        durability = try values.durability("DURABILITY", of: queue)
        enqueueTimeoutSeconds =
            try values.integer(
                "ENQUEUE_TIMEOUT", in: 1...Configuration.enqueueTimeoutSecondsMax) ?? 5
        replayBytesMax =
            try values.integer("REPLAY_BYTES", in: QueueOptions.replayBytesBounds)
            ?? QueueOptions().replayBytesMax
        statusSeconds =
            try values.integer("STATUS_SECONDS", in: QueueOptions.statusSecondsBounds) ?? 0
        rateLimit = try values.rateLimit("RATE_LIMIT")
        connectionsMax = try values.connections(
            "MAX_CONNECTIONS",
            OpenFiles(
                limit: openFilesMax, threads: threads,
                hasMetricsPort: metrics?.isPublic == false, hasConsole: console != nil),
            memoryBytes: memoryBytes)
        buffersBytesMax = MemoryLimit.buffersMax(memoryBytes: memoryBytes)
        tokenPolicy = try values.tokenPolicy()
        health = try values.health()
        tracing = try TracingConfiguration.read(values)
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

extension Configuration {
    /// Where callers' connections are accepted.
    var listeningAddress: ListeningAddress {
        ListeningAddress(prefix: "HTTP", host: host, port: port)
    }

    /// The queue and its Redis.
    var target: Inspector.Target {
        Inspector.Target(
            queue: queue, url: redis.url, tls: redis.tls, barrier: durability, thresholds: health,
            features: features)
    }

    /// The options of each loop's connection of the queue.
    var producer: ProducerConnection.Options {
        var options = ProducerConnection.Options(barrier: durability, tls: redis.tls)
        options.limits.messageTimeoutMilliseconds = enqueueTimeoutSeconds * 1_000
        options.limits.historyBytesMax = replayBytesMax / threads
        return options
    }

    /// What the queue keeps besides transactions.
    var features: QueueFeatures {
        var features = QueueFeatures()
        features.statusSeconds = statusSeconds
        features.rateLimit = rateLimit
        return features
    }
}

extension Inspector.Target {
    /// The queue and the Redis of the server's variables.
    init(_ values: EnvironmentReader) throws(ConfigurationError) {
        let redis = try RedisConfiguration(values)
        queue = try values.queue("QUEUE", partitions: "PARTITIONS")
        try redis.check(queue)
        guard queue != .memory else {
            throw ConfigurationError(
                variable: "QUEUE", value: queue.name,
                expectation: "such a queue is in the server's own memory: ask its GET /health")
        }
        url = redis.url
        tls = redis.tls
        barrier = try values.durability("DURABILITY", of: queue)
        thresholds = try values.health()
        var features = QueueFeatures()
        features.statusSeconds =
            try values.integer("STATUS_SECONDS", in: QueueOptions.statusSecondsBounds) ?? 0
        self.features = features
    }
}

/// A variable of the environment has an invalid value.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    let variable: String
    /// The value, without secrets; nil if it is missing or not shown.
    let value: String?
    /// A description of a valid value.
    let expectation: String
    /// Whether the error may be transient: a file that does not exist yet, for example.
    var mayPass = false
    /// Whether the variable is not set.
    var isMissing = false

    var description: String {
        let found =
            value.map { "is \"\($0)\"" }
            ?? (isMissing ? "is not set" : "is not usable (its value is not shown)")
        return "\(variable) \(found): \(expectation)"
    }
}
