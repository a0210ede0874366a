internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// The check at start that Redis supports the configured durability.
enum DurabilityCheck {
    /// What was found.
    enum Finding: Equatable {
        case given
        /// Redis refuses the barrier's command or has no append-only file: no transaction would
        /// be confirmed until the configuration of Redis changes.
        case refused(String)
        /// Redis has too few replicas now. The text names their number.
        case notYet(String)
        /// Redis did not reply in time. The text names the reason.
        case unknown(String)
    }

    /// Runs the barrier's command without a write before it. The call blocks the calling thread
    /// until the reply or a timeout of a few seconds.
    static func run(
        _ barrier: RedisBarrier, _ configuration: Configuration, _ logger: Logger
    ) throws(SystemError) -> Finding {
        let result = try StartQuestion.reply(
            to: barrier.command(), configuration,
            RedisConnection.Options(
                limits: RedisLimits(commandTimeoutSeconds: 3), tls: configuration.redis.tls),
            logger)
        return finding(result, barrier)
    }

    private static func finding(
        _ result: Result<RedisReply, RedisFailure>, _ barrier: RedisBarrier
    ) -> Finding {
        switch result {
        case .success(let reply):
            if barrier.isReached(by: reply) { return .given }
            let shortfall = barrier.shortfall(reply)
            return barrier.mayBeReachedLater(reply) ? .notYet(shortfall) : .refused(shortfall)
        case .failure(.notExecuted(.server(let reply))) where !reply.isPassing:
            return .refused("\(reply)")
        case .failure(.notExecuted(.refused(let reply))): return .unknown("\(reply)")
        case .failure(let failure): return .unknown("\(failure.reason)")
        }
    }
}
