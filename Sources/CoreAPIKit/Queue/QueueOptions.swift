public import CoreAPIBase
internal import CoreAPIRedis
public import CoreMetrics
public import Logging
public import Tracing

/// The options of a queue in Redis, of either kind.
public struct QueueOptions: Sendable {
    /// Where the queue and its connection log: by default what the process was bootstrapped with.
    public var logger = Logger(label: "core-api.redis")
    /// Where the queue and its connection record metrics: by default what the process was
    /// bootstrapped with.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Makes a span for each transaction that is enqueued; nil for the tracer that the process was
    /// bootstrapped with. Without a tracer the transaction's own trace goes with the job.
    public var tracer: (any Tracer)?
    /// Certificates for `rediss://`, if not those of the system.
    public var tls = TLSOptions()
    /// How long `enqueue` waits for Redis to confirm a transaction: 100 ms to 30 s.
    public var enqueueTimeout = Duration.seconds(5)
    /// What the queue waits for before it confirms a transaction.
    public var durability = Durability.memory
    /// How many bytes of confirmed transactions are kept in memory for 30 s, to be sent again under
    /// the same ids if Redis loses them: 0, which keeps nothing, to 1 GiB.
    public var replayBytesMax = 16 * 1024 * 1024
    /// How long the status of a transaction is kept after its last change, for a
    /// ``TransactionStatusStore``: 0, which keeps none, to a year, in seconds. A job of python-rq
    /// is kept for so long once it has finished.
    public var statusSeconds = 0
    /// How many transactions of each user are accepted; nil for any number. It holds for all queues
    /// of the same name that have this limit.
    public var rateLimit: RateLimit?

    /// The defaults.
    public init() {}

    /// Throws where an option is out of its bounds.
    func check() throws(ArgumentError) {
        try ArgumentError.check(
            QueueOptions.enqueueTimeoutBounds.contains(enqueueTimeout), "enqueueTimeout",
            "100 ms to 30 s")
        try ArgumentError.check(
            QueueOptions.replayBytesBounds.contains(replayBytesMax), "replayBytesMax",
            "0 to 1073741824 bytes")
        try ArgumentError.check(
            QueueOptions.statusSecondsBounds.contains(statusSeconds), "statusSeconds",
            "0 to 31536000 seconds")
        try durability.check()
    }

    private static let enqueueTimeoutBounds = Duration.milliseconds(100)...(.seconds(30))
    package static let replayBytesBounds = 0...(1 << 30)
    package static let statusSecondsBounds = TransactionStatusRecord.secondsBounds

    /// What a queue is made with, on the loop of all embedders.
    struct Target<Queue> {
        let queue: Queue
        let loop: EventLoop
        let settings: RedisQueue.Settings
    }

    /// A stream with these partitions.
    func target(
        _ url: String, stream key: String, partitions: Int
    ) throws(RedisError) -> Target<StreamPartitions> {
        do { try StreamPartitions.check(partitions) } catch { throw .argumentInvalid(error) }
        let (loop, settings) = try settings(url, queueName: key)
        return Target(
            queue: StreamPartitions(key: key, count: partitions), loop: loop, settings: settings)
    }

    /// A queue of python-rq.
    func target(
        _ url: String, rqQueue name: String, _ jobs: RQJobOptions
    ) throws(RedisError) -> Target<RQKeys> {
        do { try jobs.check() } catch { throw .argumentInvalid(error) }
        let (loop, settings) = try settings(url, queueName: name)
        guard settings.url.place.cluster == nil else { throw .urlInvalid(.clusterOfJobs) }
        return Target(
            queue: RQKeys(name: name, prefix: jobs.keyPrefix), loop: loop, settings: settings)
    }

    private func settings(
        _ url: String, queueName: String
    ) throws(RedisError) -> (loop: EventLoop, settings: RedisQueue.Settings) {
        do { try QueueNameError.check(queueName) } catch { throw .queueNameInvalid(error) }
        do { try check() } catch { throw .argumentInvalid(error) }
        let (parsed, context) = try RedisConnection.target(url, tls)
        var settings = RedisQueue.Settings(url: parsed, logger: logger)
        settings.producer.limits.messageTimeoutMilliseconds = enqueueTimeout.wholeMilliseconds
        settings.producer.limits.historyBytesMax = replayBytesMax
        settings.producer.barrier = durability.barrier
        settings.producer.name = RedisClientName(role: "queue")
        settings.producer.tls = context
        settings.producer.metrics = metrics
        settings.tracer = tracer
        settings.features.statusSeconds = statusSeconds
        settings.features.rateLimit = rateLimit
        do { return (try SharedEventLoop.running(), settings) } catch {
            throw .connectFailed(error)
        }
    }
}
