internal import CoreAPIBase
internal import CoreAPIRedis

/// What a queue in Redis waits for before it confirms a transaction.
public struct Durability: Hashable, Sendable {
    private enum Level: Hashable {
        case memory
        case appendOnlyFile
        case replicas(Int)
        case appendOnlyFileAndReplicas(Int)
    }

    private let level: Level

    /// Redis has applied the command. What Redis itself keeps after a crash depends on its own
    /// configuration.
    public static let memory = Durability(level: .memory)

    /// Redis has written the transaction to its append-only file on the disk too (`WAITAOF`, Redis
    /// 7.2). With `appendfsync everysec` this takes up to a second.
    public static let appendOnlyFile = Durability(level: .appendOnlyFile)

    /// This many replicas have received the transaction too (`WAIT`): 1 to 100, which is checked
    /// when the queue is opened.
    public static func replicas(_ count: Int) -> Durability {
        Durability(level: .replicas(count))
    }

    /// The transaction is in Redis's append-only file on the disk, and in those of this many
    /// replicas (`WAITAOF`, Redis 7.2): 1 to 100, which is checked when the queue is opened. The
    /// replicas need an append-only file too.
    public static func appendOnlyFileAndReplicas(_ count: Int) -> Durability {
        Durability(level: .appendOnlyFileAndReplicas(count))
    }

    func check() throws(ArgumentError) {
        let count: Int
        switch level {
        case .memory, .appendOnlyFile: return
        case .replicas(let replicas), .appendOnlyFileAndReplicas(let replicas): count = replicas
        }
        try ArgumentError.check(
            Durability.replicasBounds.contains(count), "durability",
            "memory, appendOnlyFile, or 1 to 100 replicas")
    }

    private static let replicasBounds = 1...100

    /// The command that waits for it; nil for none.
    var barrier: RedisBarrier? {
        switch level {
        case .memory: nil
        case .appendOnlyFile: .appendOnlyFile
        case .replicas(let count): .replicas(count)
        case .appendOnlyFileAndReplicas(let count): .appendOnlyFileAndReplicas(count)
        }
    }
}
