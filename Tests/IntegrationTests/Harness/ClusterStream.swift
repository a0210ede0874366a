import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Logging
import Testing

/// The partitions of the stream `s` in a cluster, and a producer of their entries that has no
/// session.
final class ClusterStream: Sendable {
    private let nodes: RedisClusterConnection
    private let partitions: StreamPartitions

    init(_ cluster: ClusterGroup, _ partitions: Int) throws {
        var options = RedisConnection.Options()
        options.limits.commandTimeoutMilliseconds = 30_000
        nodes = try RedisClusterConnection(
            url: try RedisURL(cluster.url), options: options, logger: Logger(label: "test"))
        self.partitions = StreamPartitions(key: "s", count: partitions)
    }

    deinit { nodes.close() }

    func key(_ partition: Int) -> String { partitions.streamKey(partition) }

    /// The stream of a user's transactions.
    func key(ofUser userID: Int) -> String { key(partitions.index(ofUser: userID)) }

    /// A command, of whose words the first that is a key of the stream says where it goes.
    @discardableResult
    func command(_ words: String...) async throws -> RedisReply { try await command(words) }

    @discardableResult
    func command(_ words: [String]) async throws -> RedisReply {
        var command = RedisCommand()
        command.add(words)
        let key = try #require(words.first { $0.hasPrefix("{s:") })
        return try await nodes.execute(command, slot: HashSlot(ofKey: key.utf8))
    }

    /// Adds a transaction; it may be added twice while nodes come and go.
    func add(_ transaction: Transaction) async throws {
        try await command(
            "XADD", key(ofUser: transaction.userID), "*", "id", "\(transaction.id)",
            "amount", "\(transaction.amount.minorUnits)",
            "currency", "\(transaction.currency)", "user_id", "\(transaction.userID)",
            "created_at", transaction.createdAt.timestamp)
    }
}
