internal import CoreAPIBase
package import CoreAPIRedis

/// The partitions of a stream: their keys in Redis, and which one a user's transactions go to.
///
/// With one partition the stream is `KEY`. With more it is the streams `{KEY:0}`, `{KEY:1}`, …:
/// each lies in a slot of a Redis Cluster of its own, with what Core API keeps for it.
package struct StreamPartitions: Equatable, Sendable {
    /// The stream's key, as `QUEUE=stream:KEY` has it.
    package let key: String
    /// How many partitions the stream has.
    package let count: Int

    package static let countBounds = 1...1_024

    /// Throws if the number of partitions is out of bounds.
    static func check(_ count: Int) throws(ArgumentError) {
        try ArgumentError.check(countBounds ~= count, "partitions", "1 to 1,024")
    }

    /// - Parameter count: within `countBounds`.
    package init(key: String, count: Int = 1) {
        precondition(
            StreamPartitions.countBounds ~= count, "StreamPartitions.init: count is out of bounds")
        self.key = key
        self.count = count
    }

    /// The numbers of the partitions, from 0.
    package var indices: Range<Int> { 0..<count }

    /// The partition of a user's transactions: so they keep their order, and an idempotency key is
    /// looked for where it is.
    package func index(ofUser userID: Int) -> Int {
        count == 1 ? 0 : Int(CRC16.checksum(ofDecimal: userID)) % count
    }

    /// The hash tag of the keys that Core API keeps for the partition.
    package func tag(_ partition: Int) -> String { count == 1 ? key : "\(key):\(partition)" }

    /// The key of the partition's stream.
    package func streamKey(_ partition: Int) -> String {
        count == 1 ? key : "{\(key):\(partition)}"
    }

    /// The stream of the partition's dead letters.
    package func deadLetterKey(_ partition: Int) -> String { "\(streamKey(partition)):dead" }

    /// The sorted set of the partition's entries that wait for their next attempt in a group.
    package func retryKey(_ partition: Int, group: String) -> String {
        "\(streamKey(partition)):\(group):retry"
    }

    /// The slot of a Redis Cluster that has the partition's keys.
    package func slot(_ partition: Int) -> HashSlot { HashSlot(ofKey: streamKey(partition).utf8) }

    // MARK: - The claim

    /// The key of the number of partitions in Redis.
    package var claimKey: String { "core-api:partitions:{\(key)}" }

    /// Writes the number of partitions, unless Redis has one. A stream without a number that has
    /// entries or groups has one partition: it was made before there were partitions.
    ///
    /// - KEYS: the number of partitions; to write more than one, the stream of one partition.
    /// - ARGV: the number to write.
    /// - Returns: the number that Redis has afterwards.
    private static let claimScript = RedisScript(
        """
        local known = redis.call('GET', KEYS[1])
        if known then return tonumber(known) or -1 end
        if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
        redis.call('SET', KEYS[1], ARGV[1])
        return tonumber(ARGV[1])
        """)

    private static func failure(after reply: RedisReply) -> RedisError {
        guard case .integer(let count) = reply else { return .protocolViolation }
        return .partitionCountDiffers(inRedis: Int(count))
    }

    /// The step of a login that claims the number of partitions.
    package var claim: RedisLoginStep {
        RedisLoginStep(
            script: StreamPartitions.claimScript,
            command: RedisCommand(
                calling: StreamPartitions.claimScript,
                keys: count == 1 ? [claimKey] : [claimKey, key], arguments: [String(count)]),
            key: claimKey, reply: .integer(Int64(count)), failure: StreamPartitions.failure)
    }
}
