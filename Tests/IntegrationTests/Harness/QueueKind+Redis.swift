import CoreAPIBase
import CoreAPIRedis

@testable import CoreAPIKit

extension QueueContractTests.Kind {
    /// `rq:default`, or else `stream:s`, with settings that no embedder can give.
    func queue(_ settings: RedisQueue.Settings) async throws -> any TransactionQueue {
        let loop = try SharedEventLoop.running()
        if self == .rq {
            let queue = RQTransactionQueue(name: "default", on: loop, settings)
            try await queue.redis.connection.ready()
            return queue
        }
        let queue = StreamTransactionQueue(StreamPartitions(key: "s"), on: loop, settings)
        try await queue.redis.connection.ready()
        return queue
    }

    /// The ids of the transactions in a queue of this name in Redis, in its order.
    func ids(_ name: String, _ redis: RedisServer) async throws -> [String] {
        if self == .rq { return try await redis.texts("LRANGE", "rq:queue:\(name)", "0", "-1") }
        let words = try await redis.texts("XRANGE", name, "-", "+")
        return words.indices.filter { words[$0] == "id" }.map { words[$0 + 1] }
    }
}
