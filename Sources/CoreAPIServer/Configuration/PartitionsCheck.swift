internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The check at start that the stream in Redis has as many partitions as `PARTITIONS` says. A Redis
/// that knows no number gets this one.
///
/// Each later login repeats the step (`StreamPartitions.claim`), so that a server that starts while
/// Redis is away sends nothing to a stream with another number.
enum PartitionsCheck {
    /// Blocks the calling thread until the reply, for up to a second.
    ///
    /// - Returns: the number that Redis has, if that is another one; nil if Redis cannot be asked.
    static func otherCount(
        _ partitions: StreamPartitions, _ configuration: Configuration
    ) throws(SystemError) -> Int? {
        var limits = RedisLimits(commandTimeoutSeconds: 1)
        limits.connectTimeoutMilliseconds = 1_000
        limits.replyTimeoutMilliseconds = 1_000
        let claim = partitions.claim
        let result = try StartQuestion.reply(
            to: claim.command, slot: claim.slot, configuration,
            RedisConnection.Options(
                limits: limits, scripts: [claim.script], isOnDemand: true,
                name: RedisClientName(role: "start"), tls: configuration.redis.tls),
            // The server's connections log the reason if Redis cannot be asked.
            Logger(label: "core-api.start") { _ in SwiftLogNoOpLogHandler() })
        guard case .success(let reply) = result,
            case .partitionCountDiffers(let count)? = claim.failure(after: reply)
        else { return nil }
        return count
    }

    /// What another number in Redis is refused with, at the start and by operators' commands.
    static func refusal(
        _ partitions: StreamPartitions, inRedis count: Int, _ url: RedisURL
    ) -> String {
        "PARTITIONS is \(partitions.count), but \(Configuration.Queue.stream(partitions).name) has "
            + "\(count) in \(url) (\(partitions.claimKey)): see docs/operations.md"
    }
}
