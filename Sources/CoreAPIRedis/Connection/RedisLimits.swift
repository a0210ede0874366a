package import CoreAPIBase

/// The limits of one connection to Redis.
package struct RedisLimits: Sendable {
    /// From the start of an attempt until the connection is ready.
    package var connectTimeoutMilliseconds = 2_000
    /// From the submission of a command to its last reply, including the wait for a connection.
    package var commandTimeoutMilliseconds = 5_000
    /// Longest silence of a connection while a reply is pending. Then the connection is closed, and
    /// a new connection may reach a Redis that answers before the command's deadline.
    package var replyTimeoutMilliseconds = 2_000
    /// Limit of commands without a reply, sent or not.
    package var pendingMax = 16_384
    /// Limit of the bytes of these commands.
    package var backlogBytesMax = 16 * 1024 * 1024
    /// The shortest and the longest backoff between attempts.
    package var pauseMillisecondsMin = 50
    package var pauseMillisecondsMax = 1_000

    package init() {}

    /// - Parameter commandTimeoutSeconds: at least 1.
    package init(commandTimeoutSeconds: Int) {
        precondition(
            commandTimeoutSeconds >= 1, "RedisLimits.init: commandTimeoutSeconds is less than 1")
        commandTimeoutMilliseconds = commandTimeoutSeconds * 1_000
    }

    /// The longest backoff between attempts that ask sentinels: a failover may end at any moment.
    package static let sentinelPauseMillisecondsMax = 250

    /// The backoff between attempts.
    package var backoff: Backoff {
        Backoff(millisecondsMin: pauseMillisecondsMin, millisecondsMax: pauseMillisecondsMax)
    }

    /// The backoff between attempts that ask sentinels.
    package var sentinelBackoff: Backoff {
        let longest = min(pauseMillisecondsMax, RedisLimits.sentinelPauseMillisecondsMax)
        return Backoff(
            millisecondsMin: min(pauseMillisecondsMin, longest), millisecondsMax: longest)
    }
}

/// Why a command has no reply, and whether Redis may have executed it.
package enum RedisFailure: Error, Equatable {
    /// The command was not executed, or only in part: a retry is safe.
    case notExecuted(RedisError)
    /// The command was sent, and its outcome is unknown.
    case mayBeExecuted(RedisError)
}

extension RedisFailure {
    /// The error, whether or not the command may have been executed.
    package var reason: RedisError {
        switch self {
        case .notExecuted(let reason), .mayBeExecuted(let reason): reason
        }
    }
}
