import CoreAPIBase
import CoreAPIRedis

@testable import CoreAPIKit

extension QueueContractTests.Kind {
    /// Of 7 partitions, user 1 has the first one: so each test sees one session.
    static let partitionCount = 7

    /// `rq:default`, or else `stream:s`, with settings that no embedder can give.
    func queue(_ settings: RedisQueue.Settings) async throws -> any TransactionQueue {
        let loop = try SharedEventLoop.running()
        if self == .rq {
            let queue = RQTransactionQueue(name: "default", on: loop, settings)
            try await queue.redis.connection.ready()
            return queue
        }
        let queue = StreamTransactionQueue(partitions("s"), on: loop, settings)
        try await queue.redis.connection.ready()
        return queue
    }

    /// The partitions of a stream.
    func partitions(_ name: String) -> StreamPartitions {
        StreamPartitions(key: name, count: self == .partitions ? Self.partitionCount : 1)
    }

    /// The tag of the keys of user 1 in a queue of this name.
    func tag(_ name: String) -> String {
        self == .rq ? "rq:queue:\(name)" : partitions(name).tag(0)
    }

    /// The key of the list or stream of user 1 in a queue of this name.
    func key(_ name: String) -> String {
        self == .rq ? "rq:queue:\(name)" : partitions(name).streamKey(0)
    }

    /// The ids of the transactions in a queue of this name in Redis, in its order; by partition.
    func ids(_ name: String, _ redis: RedisServer) async throws -> [String] {
        if self == .rq { return try await redis.texts("LRANGE", key(name), "0", "-1") }
        var ids: [String] = []
        for partition in partitions(name).indices {
            let key = partitions(name).streamKey(partition)
            let words = try await redis.texts("XRANGE", key, "-", "+")
            ids += Self.ids(words)
        }
        return ids
    }

    /// The ids of the transactions in the words of a stream's entries.
    static func ids(_ words: [String]) -> [String] {
        words.indices.filter { words[$0] == "id" }.map { words[$0 + 1] }
    }
}
