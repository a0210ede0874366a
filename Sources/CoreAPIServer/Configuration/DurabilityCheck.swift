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
        let loop = try EventLoop()
        let connection = RedisConnection(
            url: configuration.redis.url, on: loop,
            options: RedisConnection.Options(
                limits: RedisLimits(commandTimeoutSeconds: 3), tls: configuration.redis.tls),
            logger: logger)
        let outcome = Outcome()
        Task(executorPreference: loop) {
            outcome.result = await ask(connection, barrier)
            connection.close()
            loop.stop()
        }
        loop.run()
        return outcome.result
    }

    private static func ask(_ connection: RedisConnection, _ barrier: RedisBarrier) async -> Finding
    {
        do {
            let reply = try await connection.execute(barrier.command())
            if barrier.isReached(by: reply) { return .given }
            let shortfall = barrier.shortfall(reply)
            return barrier.mayBeReachedLater(reply) ? .notYet(shortfall) : .refused(shortfall)
        } catch {
            switch error {
            case .notExecuted(.server(let reply)) where !reply.isPassing:
                return .refused("\(reply)")
            case .notExecuted(.refused(let reply)): return .unknown("\(reply)")
            case .notExecuted(let reason), .mayBeExecuted(let reason): return .unknown("\(reason)")
            }
        }
    }

    /// The finding, which only the thread that runs the loop sets and reads.
    private final class Outcome: @unchecked Sendable {
        var result = Finding.unknown("not asked")
    }
}
