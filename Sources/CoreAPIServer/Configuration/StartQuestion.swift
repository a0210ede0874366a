internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// A question to Redis before the server starts.
enum StartQuestion {
    /// Executes the command, and blocks the calling thread until the reply or the end of the
    /// options' timeouts.
    static func reply(
        to command: RedisCommand, _ configuration: Configuration,
        _ options: RedisConnection.Options, _ logger: Logger
    ) throws(SystemError) -> Result<RedisReply, RedisFailure> {
        let loop = try EventLoop()
        let connection = RedisConnection(
            url: configuration.redis.url, on: loop, options: options, logger: logger)
        let outcome = Outcome()
        Task(executorPreference: loop) {
            outcome.result = await connection.reply(to: command)
            connection.close()
            loop.stop()
        }
        loop.run()
        return outcome.result
    }

    /// The result, which only the thread that runs the loop sets and reads.
    private final class Outcome: @unchecked Sendable {
        var result = Result<RedisReply, RedisFailure>.failure(.notExecuted(.closed))
    }
}
