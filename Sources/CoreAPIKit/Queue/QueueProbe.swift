internal import CoreAPIBase
package import CoreAPIRedis

/// Asks Redis how a queue is doing, by commands that write nothing and whose replies are bounded.
package struct QueueProbe: Sendable {
    /// Whose queue it is.
    package enum Kind: Sendable {
        case rq(name: String)
        case stream(key: String)
    }

    package let connection: RedisConnection
    package let kind: Kind
    /// A worker that nobody has heard of for longer does not count.
    package let silenceSecondsMax: Int

    package init(connection: RedisConnection, kind: Kind, silenceSecondsMax: Int) {
        self.connection = connection
        self.kind = kind
        self.silenceSecondsMax = silenceSecondsMax
    }

    /// The state at this moment. It has no deadline of its own but that of each command.
    package func status() async -> QueueStatus {
        switch kind {
        case .rq(let name): await rqStatus(name)
        case .stream(let key): await streamStatus(key)
        }
    }

    /// The reply to a command; nil if there is none, or an error.
    package func ask(_ words: String...) async -> RedisReply? {
        try? await reply(to: words)
    }

    package func reply(to words: [String]) async throws(RedisFailure) -> RedisReply {
        var command = RedisCommand(capacity: 128)
        command.add(words)
        return try await connection.execute(command)
    }

    /// What Redis itself said against a command, if it did.
    package static func refusal(_ failure: RedisFailure) -> RedisServerError? {
        guard case .notExecuted(.server(let error)) = failure else { return nil }
        return error
    }

    /// Whole seconds from then to now; 0 if the clocks of those who write them are ahead.
    static func ageSeconds(of time: UnixTime, at now: UnixTime) -> Int {
        max(0, Int(now.wholeSeconds - time.wholeSeconds))
    }
}
