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

        /// The higher, the worse.
        fileprivate var rank: Int {
            switch self {
            case .given: 0
            case .unknown: 1
            case .notYet: 2
            case .refused: 3
            }
        }

        /// The same, with the node that it is about.
        fileprivate func at(_ node: RedisAddress?) -> Finding {
            guard let node else { return self }
            return switch self {
            case .given: .given
            case .refused(let reason): .refused("\(node): \(reason)")
            case .notYet(let reason): .notYet("\(node): \(reason)")
            case .unknown(let reason): .unknown("\(node): \(reason)")
            }
        }
    }

    /// Runs the barrier's command without a write before it. The call blocks the calling thread
    /// until the reply or a timeout of a few seconds.
    static func run(
        _ barrier: RedisBarrier, _ configuration: Configuration, _ logger: Logger
    ) throws(SystemError) -> Finding {
        let answers = try StartQuestion.answers(
            to: barrier.command(), configuration,
            RedisConnection.Options(
                limits: RedisLimits(commandTimeoutSeconds: 3),
                name: RedisClientName(role: "start"), tls: configuration.redis.tls),
            logger)
        return answers.map { finding($0.result, barrier).at($0.node) }.max { $0.rank < $1.rank }
            ?? .unknown("no node is known")
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
