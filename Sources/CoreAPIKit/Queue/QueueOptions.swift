public import CoreAPIBase
internal import CoreAPIRedis
public import CoreMetrics
public import Logging

/// How a queue in Redis works, whichever of them it is.
public struct QueueOptions: Sendable {
    /// Where the queue and its connection log: by default what the process was bootstrapped with.
    public var logger = Logger(label: "core-api.redis")
    /// Where the queue and its connection record metrics: by default what the process was
    /// bootstrapped with.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Certificates for `rediss://`, if not those of the system.
    public var tls = TLSOptions()
    /// How long `enqueue` waits for Redis to confirm a transaction: 100 ms to 30 s.
    public var enqueueTimeout = Duration.seconds(5)
    /// What the queue waits for before it confirms a transaction.
    public var durability = Durability.memory

    /// The defaults.
    public init() {}

    /// Throws where an option is out of its bounds.
    func check() throws(ArgumentError) {
        try ArgumentError.check(
            QueueOptions.enqueueTimeoutBounds.contains(enqueueTimeout), "enqueueTimeout",
            "100 ms to 30 s")
        try durability.check()
    }

    private static let enqueueTimeoutBounds = Duration.milliseconds(100)...(.seconds(30))

    /// A connection for a queue of this name, once it is ready.
    func connection(
        to url: String, queueName: String, _ script: RedisScript
    ) async throws(RedisError) -> RedisConnection {
        do { try QueueNameError.check(queueName) } catch { throw .queueNameInvalid(error) }
        do { try check() } catch { throw .argumentInvalid(error) }
        let (parsed, context) = try RedisConnection.target(url, tls)
        var limits = RedisLimits()
        limits.commandTimeoutMilliseconds = enqueueTimeout.wholeMilliseconds
        return try await RedisConnection(
            opening: parsed,
            options: RedisConnection.Options(
                limits: limits, scripts: [script], barrier: durability.barrier, tls: context,
                metrics: metrics),
            logger: logger)
    }
}
