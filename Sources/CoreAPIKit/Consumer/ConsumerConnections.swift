internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging

/// The connections of a consumer.
enum ConsumerConnections: Sendable {
    /// To one server, or to the master that sentinels know. A blocked connection answers no other
    /// command: so there is one for what blocks, and one for the rest.
    case server(commands: RedisConnection, reads: RedisConnection)
    /// One to each node of a cluster. Nothing blocks: one command can wait for one slot alone, and
    /// would hold up all others of its node.
    case cluster(RedisClusterConnection)

    /// Opens the connections, and waits until they are ready, except to a cluster, whose nodes are
    /// connected to by the first commands.
    ///
    /// - Parameter scripts: what is loaded besides the consumer's own.
    init(
        _ url: RedisURL, scripts: [RedisScript], _ options: ConsumerOptions, tls: TLSContext?,
        logger: Logger
    ) async throws(RedisError) {
        var settings = RedisConnection.Options(
            scripts: ConsumerScripts.all + scripts, name: RedisClientName(role: "consumer"),
            tls: tls, metrics: options.metrics)
        if url.place.cluster != nil {
            settings.limits.commandTimeoutMilliseconds = ConsumerConnections.clusterTimeout(options)
            self = .cluster(
                try RedisClusterConnection(url: url, options: settings, logger: logger))
            return
        }
        let commands = try await RedisConnection(opening: url, options: settings, logger: logger)
        settings.scripts = []
        settings.name = RedisClientName(role: "consumer-reads")
        let reads = try await RedisConnection(opening: url, options: settings, logger: logger)
        self = .server(commands: commands, reads: reads)
    }

    /// How long a command of a cluster is tried, in milliseconds. While one shard is away, the
    /// leases of all partitions are extended once in this time twice and a third of the visibility
    /// timeout.
    private static func clusterTimeout(_ options: ConsumerOptions) -> Int {
        let quarter = options.visibilityTimeout.wholeMilliseconds / 4
        return min(RedisLimits().commandTimeoutMilliseconds, max(1_000, quarter))
    }

    /// How many partitions commands are sent for at once. In a cluster it is all, so that those of
    /// a shard that is away hold up no others.
    var partitionsAtOnceMax: Int {
        switch self {
        case .server: 32
        case .cluster: StreamPartitions.countBounds.upperBound
        }
    }

    /// Executes a command whose keys lie in the slot, if it is a cluster's.
    ///
    /// - Parameter blocks: whether the command may wait for something.
    func execute(
        _ command: RedisCommand, slot: HashSlot, blocks: Bool = false
    ) async throws(RedisFailure) -> RedisReply {
        switch self {
        case .server(let commands, let reads):
            return try await (blocks ? reads : commands).execute(command)
        case .cluster(let nodes):
            do { return try await nodes.execute(command, slot: slot) } catch {
                // A node has left while the command waited for it. That passes, while `closed` of
                // one server says that this process has closed it.
                guard case .closed = error.reason else { throw error }
                throw .mayBeExecuted(.slotUnserved)
            }
        }
    }

    func close() {
        switch self {
        case .server(let commands, let reads):
            reads.close()
            commands.close()
        case .cluster(let nodes): nodes.close()
        }
    }
}
