internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// Asks Redis before the server starts whether it can give the durability that is configured.
enum DurabilityCheck {
    /// What was found.
    enum Finding: Equatable {
        case given
        /// Redis answered, and refuses the barrier's command, or has no append-only file: until its
        /// own configuration is another, each transaction would end without a confirmation.
        case refused(String)
        /// Redis has too few replicas, which may come; with how many it has.
        case notYet(String)
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
            if barrier.isReached(by: reply) { return .given }
            let shortfall = barrier.shortfall(reply)
            return switch barrier {
            case .replicas: .notYet(shortfall)
            case .appendOnlyFile: .refused(shortfall)
            }
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
