internal import CoreAPIBase

/// A command that waits until the earlier writes of its connection are durable.
package enum RedisBarrier: Hashable, Sendable {
    /// `WAIT`: the writes have reached this many replicas.
    case replicas(Int)
    /// `WAITAOF`: the writes are in the append-only file on the server's disk (Redis 7.2). With
    /// `appendfsync everysec` the wait takes up to a second. With `no` the barrier is never
    /// reached.
    case appendOnlyFile
    /// `WAITAOF`: the writes are in the append-only file on the server's disk, and in those on the
    /// disks of this many replicas.
    case appendOnlyFileAndReplicas(Int)

    /// The longest timeout that Redis applies to the wait. It is longer than the second of
    /// `everysec`, and shorter than `RedisLimits.replyTimeoutMilliseconds`, because the connection
    /// gets no other reply meanwhile.
    package static let timeoutMillisecondsMax = 1_800

    /// `WAIT` or `WAITAOF`.
    ///
    /// - Parameter messageTimeoutMilliseconds: the time of a message. A wait takes half of it at
    ///   most: Redis reads the batch behind the wait after it, and that must not be too late.
    package func command(
        messageTimeoutMilliseconds: Int = 2 * timeoutMillisecondsMax
    ) -> RedisCommand {
        var command = RedisCommand(capacity: 64)
        let half = max(1, messageTimeoutMilliseconds / 2)
        let timeout = String(min(RedisBarrier.timeoutMillisecondsMax, half))
        switch self {
        case .replicas(let count): command.add("WAIT", String(count), timeout)
        case .appendOnlyFile: command.add("WAITAOF", "1", "0", timeout)
        case .appendOnlyFileAndReplicas(let count):
            command.add("WAITAOF", "1", String(count), timeout)
        }
        return command
    }

    /// Whether the reply confirms that the writes are durable.
    package func isReached(by reply: RedisReply) -> Bool {
        switch (self, reply) {
        case (.replicas(let wanted), .integer(let count)): count >= wanted
        // The first number counts the server's own file, the second the replicas' files.
        case (.appendOnlyFile, .array(let counts)): counts.first == .integer(1)
        case (.appendOnlyFileAndReplicas(let wanted), .array(let counts)):
            RedisBarrier.isReached(wanted, counts)
        default: false
        }
    }

    private static func isReached(_ wanted: Int, _ counts: [RedisReply]) -> Bool {
        guard counts.count == 2, case .integer(let own) = counts[0],
            case .integer(let replicas) = counts[1]
        else { return false }
        return own >= 1 && replicas >= wanted
    }

    /// Whether waiting may help after this reply: a replica may come, an append-only file will not.
    package func mayBeReachedLater(_ reply: RedisReply) -> Bool {
        switch (self, reply) {
        case (.replicas, _): true
        case (.appendOnlyFile, _): false
        case (.appendOnlyFileAndReplicas, .array(let counts)): counts.first == .integer(1)
        case (.appendOnlyFileAndReplicas, _): false
        }
    }

    /// How many replicas it needs.
    package var replicaCount: Int {
        switch self {
        case .replicas(let count), .appendOnlyFileAndReplicas(let count): count
        case .appendOnlyFile: 0
        }
    }

    /// Whether it needs an append-only file on the server's disk.
    package var needsAppendOnlyFile: Bool {
        switch self {
        case .replicas: false
        case .appendOnlyFile, .appendOnlyFileAndReplicas: true
        }
    }

    /// The name of its command.
    package var commandName: String { needsAppendOnlyFile ? "WAITAOF" : "WAIT" }

    /// The reason of an unreached barrier, for an operator.
    package func shortfall(_ reply: RedisReply) -> String {
        switch (self, reply) {
        case (.replicas, .integer(let count)): "it has \(RedisBarrier.answering(count))"
        case (.appendOnlyFile, _): "it has no append-only file on its disk"
        case (.appendOnlyFileAndReplicas, .array(let counts)):
            if case .integer(let count)? = counts.last, counts.first == .integer(1) {
                "it has \(RedisBarrier.answering(count)) with an append-only file"
            } else {
                "it has no append-only file on its disk"
            }
        default: "its answer is not understood"
        }
    }

    private static func answering(_ replicas: Int64) -> String {
        Int(replicas).counted("replica") + (replicas == 1 ? " that answers" : " that answer")
    }
}
