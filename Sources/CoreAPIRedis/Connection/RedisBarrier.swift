/// A command that waits until the writes before it on the same connection are safe.
package enum RedisBarrier: Hashable, Sendable {
    /// `WAIT`: so many replicas have received them.
    case replicas(Int)
    /// `WAITAOF`: Redis's own append-only file has them on the disk (Redis 7.2). With `appendfsync
    /// everysec` that takes up to a second; with `no` it is not reached.
    case appendOnlyFile

    /// How long Redis waits before it says how far it came: more than the second of `everysec`, and
    /// less than `RedisLimits.replyTimeout…`, since nothing else is answered meanwhile.
    package static let timeoutMilliseconds = 1_800

    /// `WAIT` or `WAITAOF`.
    package var command: RedisCommand {
        var command = RedisCommand(capacity: 64)
        let timeout = String(RedisBarrier.timeoutMilliseconds)
        switch self {
        case .replicas(let count): command.add("WAIT", String(count), timeout)
        case .appendOnlyFile: command.add("WAITAOF", "1", "0", timeout)
        }
        return command
    }

    /// Whether the reply says that the writes are safe.
    package func isReached(by reply: RedisReply) -> Bool {
        switch (self, reply) {
        case (.replicas(let wanted), .integer(let count)): count >= wanted
        // The first of the two numbers is Redis's own file, the second those of its replicas.
        case (.appendOnlyFile, .array(let counts)): counts.first == .integer(1)
        default: false
        }
    }

    /// What a reply says that does not reach it, for an operator.
    package func shortfall(_ reply: RedisReply) -> String {
        switch (self, reply) {
        case (.replicas, .integer(let count)): "it has \(count) replicas that answer"
        case (.appendOnlyFile, _): "it has no append-only file on its disk"
        default: "its answer is not understood"
        }
    }
}
