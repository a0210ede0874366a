internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// Asks Redis before the server starts whether it can give the durability that is configured.
enum DurabilityCheck {
    /// What was found.
    enum Finding: Equatable {
        case given
        /// Redis answered, and cannot; with its reason.
        case refused(String)
        /// Redis did not answer in time; with the reason.
        case unknown(String)
    }

    /// Runs the barrier's own command, with nothing written before it; blocks the calling thread
    /// until it is answered, for some seconds at most.
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
            let reply = try await connection.execute(barrier.command)
            return barrier.isReached(by: reply) ? .given : .refused(barrier.shortfall(reply))
        } catch {
            switch error {
            case .notExecuted(.server(let reply)) where !reply.isPassing:
                return .refused("\(reply)")
            case .notExecuted(.refused(let reply)): return .unknown("\(reply)")
            case .notExecuted(let reason), .mayBeExecuted(let reason): return .unknown("\(reason)")
            }
        }
    }

    /// Set and read on the thread that runs the loop.
    private final class Outcome: @unchecked Sendable {
        var result = Finding.unknown("not asked")
    }
}
