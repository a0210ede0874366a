import CoreAPIKit
import CoreAPIRedis
import Testing

/// Embedders' queues and consumers with real sentinels.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SentinelQueueTests {
    private var patient: QueueOptions {
        var options = QueueOptions()
        options.enqueueTimeout = .seconds(30)
        options.durability = .replicas(1)
        return options
    }

    @Test func `a stream's queue and its consumer follow failovers`() async throws {
        try await SentinelGroup.with { group in
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", options: patient)
            let consumer = try await TransactionConsumer(
                url: group.url, key: "s", group: "psp", options: ConsumerHarness.options())
            var transactions: [Transaction] = []
            for round in 0..<3 {
                for amount in 1...10 {
                    let transaction = try ConsumerHarness.transaction(round * 10 + amount)
                    try await queue.enqueue(transaction)
                    transactions.append(transaction)
                }
                if round == 0 { _ = try await group.failOver() }
                if round == 1 { (try await group.master()).kill() }
            }
            try await consumer.process(transactions)
            consumer.stop()
            queue.close()
        }
    }

    @Test func `an rq queue follows a failover`() async throws {
        try await SentinelGroup.with { group in
            let queue = try await RQTransactionQueue(url: group.url, options: patient)
            var ids: Set<String> = []
            for round in 1...2 {
                for _ in 1...10 {
                    let transaction = try ConsumerHarness.transaction()
                    try await queue.enqueue(transaction)
                    ids.insert("\(transaction.id)")
                }
                if round == 1 { _ = try await group.failOver() }
            }
            let master = try await group.master()
            #expect(try await group.ids("rq:default", at: master).isSuperset(of: ids))
            queue.close()
        }
    }

    @Test func `a queue says why it cannot be opened`() async throws {
        try await SentinelGroup.with { group in
            let unknown = group.url.replacing(SentinelGroup.name, with: "other")
            await #expect(throws: RedisError.masterNameUnknown) {
                _ = try await StreamTransactionQueue(url: unknown, key: "s")
            }
            for sentinel in group.sentinels { sentinel.kill() }
            await #expect(throws: RedisError.sentinelsUnreachable) {
                _ = try await StreamTransactionQueue(url: group.url, key: "s")
            }
            await #expect(throws: ConsumerError.unavailable(.sentinelsUnreachable)) {
                _ = try await TransactionConsumer(url: group.url, key: "s", group: "g")
            }
            await #expect(throws: RedisError.urlInvalid(.master)) {
                _ = try await StreamTransactionQueue(url: "redis-sentinel://h", key: "s")
            }
        }
    }

    @Test func `with aof and replicas, every disk has the transaction before it is confirmed`()
        async throws
    {
        var options = SentinelGroup.Options()
        options.kind = .valkey
        options.redis = ["--appendfsync", "always"]
        try await SentinelGroup.with(options) { group in
            var settings = patient
            settings.durability = .appendOnlyFileAndReplicas(2)
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", options: settings)
            var ids: Set<String> = []
            for _ in 1...10 {
                let transaction = try ConsumerHarness.transaction()
                try await queue.enqueue(transaction)
                ids.insert("\(transaction.id)")
            }
            queue.close()
            for server in group.servers { server.kill() }
            for server in group.servers { try await server.start() }
            for server in group.servers {
                try await eventually("each has them") {
                    try await group.ids("stream:s", at: server).isSuperset(of: ids)
                }
            }
        }
    }
}
