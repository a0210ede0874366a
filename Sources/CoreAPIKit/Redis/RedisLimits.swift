/// The bounds of one connection to Redis.
package struct RedisLimits: Sendable {
    /// From the beginning of an attempt until the connection is ready.
    package var connectTimeoutMilliseconds = 2_000
    /// From the submission of a command until its last reply, waiting for a connection included.
    package var commandTimeoutMilliseconds = 5_000
    /// Commands that wait for their reply, sent or not.
    package var pendingMax = 16_384
    /// Bytes of commands that have not been sent.
    package var backlogBytesMax = 16 * 1024 * 1024
    /// A send buffer that grew beyond this is given back once it is empty.
    package var keptBytesMax = 256 * 1024
    /// The pause before a second attempt; it doubles from one to the next.
    package var pauseMillisecondsMin = 50
    package var pauseMillisecondsMax = 1_000

    package init() {}

    /// The pause before the next attempt, between half of it and the whole.
    ///
    /// - Parameter jitter: 0 to 1.
    func pauseMilliseconds(attempt: Int, jitter: Double) -> Int {
        let doubled = pauseMillisecondsMin << min(attempt, 20)
        let pause = Double(min(doubled, pauseMillisecondsMax))
        return Int(pause * (0.5 + jitter / 2))
    }
}

/// Why a command has no reply, and whether Redis may have executed it.
package enum RedisFailure: Error, Equatable {
    /// It was not executed, or not as a whole: it is safe to send it again.
    case notExecuted(RedisError)
    /// It was sent, and nobody knows.
    case mayBeExecuted(RedisError)
}
