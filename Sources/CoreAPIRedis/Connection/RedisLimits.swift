package import CoreAPIBase

/// The bounds of one connection to Redis.
package struct RedisLimits: Sendable {
    /// From the beginning of an attempt until the connection is ready.
    package var connectTimeoutMilliseconds = 2_000
    /// From the submission of a command until its last reply, waiting for connections included.
    package var commandTimeoutMilliseconds = 5_000
    /// How long a connection may give no reply at all while one is awaited. Then it is given up, in
    /// the hope that the next one leads to a Redis that answers, within the command's time.
    package var replyTimeoutMilliseconds = 2_000
    /// Commands that wait for their reply, sent or not.
    package var pendingMax = 16_384
    /// Bytes of those commands.
    package var backlogBytesMax = 16 * 1024 * 1024
    /// The pause before a second attempt; it doubles from one to the next.
    package var pauseMillisecondsMin = 50
    package var pauseMillisecondsMax = 1_000

    package init() {}

    /// - Parameter commandTimeoutSeconds: at least 1.
    package init(commandTimeoutSeconds: Int) {
        precondition(commandTimeoutSeconds >= 1, "a command has time")
        commandTimeoutMilliseconds = commandTimeoutSeconds * 1_000
    }

    /// The pauses between attempts.
    package var backoff: Backoff {
        Backoff(millisecondsMin: pauseMillisecondsMin, millisecondsMax: pauseMillisecondsMax)
    }
}

/// Why a command has no reply, and whether Redis may have executed it.
package enum RedisFailure: Error, Equatable {
    /// It was not executed, or not as a whole: it is safe to send it again.
    case notExecuted(RedisError)
    /// It was sent, and nobody knows.
    case mayBeExecuted(RedisError)
}

extension RedisFailure {
    /// Why there is no reply, whether or not the command was executed.
    package var reason: RedisError {
        switch self {
        case .notExecuted(let reason), .mayBeExecuted(let reason): reason
        }
    }
}
