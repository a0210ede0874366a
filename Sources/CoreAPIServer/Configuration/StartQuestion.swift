internal import CoreAPIBase
internal import CoreAPIKit
internal import CoreAPIRedis
internal import Logging

/// A question to Redis before the server starts.
enum StartQuestion {
    /// The reply of one node, or of the only server.
    struct Answer: Sendable {
        /// Of a node of a cluster.
        var node: RedisAddress?
        var result: Result<RedisReply, RedisFailure>
    }

    /// Executes a command, and blocks the calling thread until the reply or the end of the options'
    /// timeouts.
    ///
    /// - Parameter slot: of the command's keys.
    static func reply(
        to command: RedisCommand, slot: HashSlot, _ configuration: Configuration,
        _ options: RedisConnection.Options, _ logger: Logger
    ) throws(SystemError) -> Result<RedisReply, RedisFailure> {
        try answers(configuration, options, logger) { client in
            [Answer(result: await client.reply(to: command, slot: slot))]
        }[0].result
    }

    /// Executes a command without keys at every node that has slots of the queue.
    static func answers(
        to command: RedisCommand, _ configuration: Configuration,
        _ options: RedisConnection.Options, _ logger: Logger
    ) throws(SystemError) -> [Answer] {
        let slots =
            if case .stream(let stream) = configuration.queue {
                stream.indices.map(stream.slot)
            } else {
                [HashSlot(ofKey: [])]
            }
        return try answers(configuration, options, logger) { client in
            let nodes = await client.nodes(of: slots)
            if nodes.isEmpty {
                return [Answer(result: .failure(.notExecuted(.clusterUnreachable)))]
            }
            return await withTaskGroup(of: Answer.self) { group in
                for node in nodes {
                    group.addTask {
                        Answer(
                            node: node.address,
                            result: await client.reply(to: command, at: node.address))
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
    }

    private static func answers(
        _ configuration: Configuration, _ options: RedisConnection.Options, _ logger: Logger,
        _ ask: @escaping @Sendable (RedisClient) async -> [Answer]
    ) throws(SystemError) -> [Answer] {
        let loop = try EventLoop()
        let client = RedisClient(
            url: configuration.redis.url, on: loop, options: options, logger: logger)
        let outcome = Outcome()
        Task(executorPreference: loop) {
            outcome.answers = await ask(client)
            client.close()
            loop.stop()
        }
        loop.run()
        return outcome.answers
    }

    /// The answers, which only the thread that runs the loop sets and reads.
    private final class Outcome: @unchecked Sendable {
        var answers = [Answer(result: .failure(.notExecuted(.closed)))]
    }
}
