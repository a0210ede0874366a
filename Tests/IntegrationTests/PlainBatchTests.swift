import CoreAPIKit
import CoreAPIRedis
import Testing

/// Batches of jobs without idempotency keys and traces, whose script has lines of their own.
@Suite(.timeLimit(.minutes(5))) struct PlainBatchTests {
    private func transactions() throws -> [Transaction] {
        let amount = try #require(Amount(100))
        let currency = try #require(CurrencyCode("USD"))
        return try (1...40).map {
            try Transaction(
                id: .random(), amount: amount, currency: currency, userID: $0, createdAt: .now())
        }
    }

    /// Enqueues all at once, and returns the ids of those that were refused.
    private func refused(
        _ transactions: [Transaction], _ queue: RQTransactionQueue
    ) async -> Set<TransactionID> {
        await withTaskGroup(of: TransactionID?.self) { group in
            for transaction in transactions {
                group.addTask {
                    do throws(QueueError) {
                        _ = try await queue.enqueue(transaction, idempotencyKey: nil)
                        return nil
                    } catch { return transaction.id }
                }
            }
            return await group.reduce(into: []) { if let id = $1 { $0.insert(id) } }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `a job's key of another type refuses that job alone`(kind: RedisServer.Kind) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            defer { queue.close() }
            let all = try transactions()
            let other = all[20].id
            _ = try await redis.command("SET", "rq:job:\(other)", "another's")
            #expect(await refused(all, queue) == [other])
            #expect(try await redis.texts("GET", "rq:job:\(other)") == ["another's"])
            let ids = try await redis.texts("LRANGE", "rq:queue:default", "0", "-1")
            #expect(Set(ids) == Set(all.map { "\($0.id)" }.filter { $0 != "\(other)" }))
            #expect(ids.count == all.count - 1)
            for id in ids {
                #expect(try await redis.command("HLEN", "rq:job:\(id)") == .integer(13))
            }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `a push that is refused removes the hashes of its batch, and none from before`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let queue = try await RQTransactionQueue(url: redis.url)
            defer { queue.close() }
            let all = try transactions()
            let earlier = "rq:job:\(all[20].id)"
            _ = try await redis.command("SET", "rq:queue:default", "x")
            _ = try await redis.command("HSET", earlier, "data", "x")
            #expect(await refused(all, queue) == Set(all.map(\.id)))
            #expect(try await redis.texts("KEYS", "rq:job:*") == [earlier])
            _ = try await redis.command("DEL", "rq:queue:default")
            #expect(await refused(all, queue) == [])
            #expect(
                try await redis.command("LLEN", "rq:queue:default") == .integer(Int64(all.count)))
        }
    }
}
