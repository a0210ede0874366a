import Foundation
import Logging
import MetricsTestKit
import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// One consumer, or a few, with a real Redis.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TransactionConsumerTests {
    private typealias Harness = ConsumerHarness

    @Test(arguments: RedisServer.Kind.allCases)
    func `a consumer gets the transactions enqueued before and after its start, in order`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let before = try await Harness.enqueue(3, to: redis)
            let consumer = try await Harness.consumer(redis, ConsumerOptions())
            let after = try await Harness.enqueue(3, to: redis)
            var taken: [Transaction] = []
            for try await delivery in consumer {
                #expect(delivery.attempt == 1)
                taken.append(delivery.transaction)
                try await delivery.ack()
                // Twice is once.
                try await delivery.ack()
                if taken.count == 6 { break }
            }
            #expect(taken == before + after)
            #expect(try await Harness.pending(redis) == 0)
            #expect(try await Harness.length(redis) == 0, "acknowledged is removed")
        }
    }

    @Test func `each transaction goes to one of a group's consumers, in one process too`()
        async throws
    {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(60, to: redis)
            let missing = Missing(transactions)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    let consumer = try await Harness.consumer(redis)
                    // Two tasks share each consumer.
                    for _ in 0..<2 {
                        group.addTask {
                            for try await delivery in consumer {
                                try await delivery.ack()
                                if await missing.remove(delivery.transaction) { return }
                            }
                        }
                    }
                }
                try await group.next()
                group.cancelAll()
            }
            #expect(try await Harness.pending(redis) == 0)
            let last = try await Harness.consumer(redis, Harness.hasty)
            try await Harness.isEmptied(redis)
            last.stop()
        }
    }

    @Test func `a consumer runs on any executor`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            let loop = try EventLoop()
            try Thread.start { loop.run() }
            let consumer = try await Harness.consumer(redis)
            try await Task(executorPreference: loop) {
                try await consumer.process(transactions)
            }.value
            loop.stop()
            let more = try await Harness.enqueue(3, to: redis)
            try await Task { @MainActor in try await consumer.process(more) }.value
        }
    }

    @Test func `the trace context comes with its transaction, and fields of others do not matter`()
        async throws
    {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis)
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let transaction = try Harness.transaction()
            _ = try await redis.command(
                "XADD", "s", "*", "id", "\(transaction.id)", "amount", "1", "currency", "EUR",
                "user_id", "1", "created_at", transaction.createdAt.timestamp, "traceparent",
                parent, "later", "x")
            let delivery = try await consumer.take()
            #expect(delivery.transaction.id == transaction.id)
            #expect(delivery.transaction.traceParent?.description == parent)
            try await delivery.ack()
        }
    }

    @Test func `it holds no more than its prefetch`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(10, to: redis)
            var options = ConsumerOptions()
            options.prefetch = 3
            let consumer = try await Harness.consumer(redis, options)
            var held: [Delivery] = []
            for _ in 0..<3 { held.append(try await consumer.take()) }
            // A fourth is wanted, and stays in the stream until one of the three is settled.
            async let fourth = consumer.take()
            #expect(try await Harness.pending(redis) == 3)
            try await held[1].ack()
            #expect(try await fourth.transaction == transactions[3])
        }
    }

    @Test func `a handler that lives keeps its delivery`() async throws {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            let delivery = try await consumer.take()
            // The lease is extended again and again, which resets the idle time.
            for _ in 0..<3 {
                var last = -1
                try await eventually("Redis is told that the handler lives") {
                    let entry = try await redis.texts("XPENDING", "s", "psp", "-", "+", "1")
                    let idle = try #require(Int(entry[2]))
                    defer { last = idle }
                    return idle < last
                }
            }
            try await delivery.ack()
        }
    }

    @Test func `a handler that holds a delivery for too long is taken for dead`() async throws {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            var options = Harness.hasty
            options.handlingTimeMax = .seconds(1)
            let consumer = try await Harness.consumer(redis, options)
            var deliveries = [try await consumer.take()]
            // The same consumer may get the entry again.
            for _ in 0..<2 { deliveries.append(try await consumer.take()) }
            #expect(Set(deliveries.map(\.transaction)).count == 1)
            #expect(deliveries[1].attempt > 1)
            // It is not the first's any more, so this does nothing.
            await deliveries[0].reject(because: "late")
            #expect(try await Harness.deadLetters(redis).isEmpty)
            // The ack of the current delivery is final: a later retry() does nothing.
            try await deliveries[1].ack()
            #expect(try await Harness.pending(redis) == 0)
            await deliveries[2].retry()
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `another consumer gets a dead consumer's deliveries`(kind: RedisServer.Kind) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let transactions = try await Harness.enqueue(5, to: redis)
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            _ = try await redis.command(
                "XREADGROUP", "GROUP", "psp", "dead", "COUNT", "3", "STREAMS", "s", ">")
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            try await consumer.process(transactions)
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test func `a name without pending entries is removed when its consumer is long gone`()
        async throws
    {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            for name in ["empty", "me"] {
                _ = try await redis.command("XGROUP", "CREATECONSUMER", "s", "psp", name)
            }
            _ = try await redis.command(
                "XREADGROUP", "GROUP", "psp", "busy", "STREAMS", "s", ">")
            let connection = try await RedisConnection(
                opening: RedisURL(redis.url),
                options: RedisConnection.Options(scripts: ConsumerScripts.all),
                logger: Logger(label: "test"))
            let commands = ConsumerCommands(
                StreamPartitions(key: "s"), group: "psp", consumer: "me")
            _ = try await connection.execute(commands.tidy())
            var names = try await Harness.consumers(redis)
            #expect(Set(names.keys) == ["empty", "busy", "me"], "they have not been idle for long")
            // Redis has no clock that a test could set.
            try await eventually("an idle consumer's name is removed") {
                _ = try await connection.execute(commands.tidy(idleMillisecondsMax: 1))
                names = try await Harness.consumers(redis)
                return names["empty"] == nil
            }
            #expect(names["busy"] == "1", "its entry is not lost")
            #expect(names["me"] != nil)
            _ = try await connection.execute(commands.leave)
            _ = try await connection.execute(commands.tidy())
            #expect(try await Harness.consumers(redis)["me"] == nil, "who has left stays away")
            connection.close()
        }
    }

    @Test func `a consumer records deliveries and their results`() async throws {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            let metrics = TestMetrics()
            var options = ConsumerOptions()
            options.metrics = metrics
            let consumer = try await Harness.consumer(redis, options)
            await (try await consumer.take()).retry(after: .zero)
            await (try await consumer.take()).reject(because: "no")
            try await Harness.enqueue(1, to: redis)
            try await (try await consumer.take()).ack()
            for (label, name, value, count) in [
                ("deliveries", "attempt", "first", 2), ("deliveries", "attempt", "again", 1),
                ("settled", "result", "acknowledged", 1), ("settled", "result", "retried", 1),
                ("settled", "result", "dead", 1),
            ] as [(String, String, String, Int64)] {
                let counter = try metrics.expectCounter(
                    "core_api_consumer_\(label)_total",
                    [("stream", "s"), ("group", "psp"), (name, value)])
                #expect(counter.values.reduce(0, +) == count, "\(label) \(value)")
            }
        }
    }

    /// Transactions that no consumer has processed yet.
    private actor Missing {
        private var transactions: Set<Transaction>

        init(_ transactions: [Transaction]) { self.transactions = Set(transactions) }

        /// Removes the transaction. True if no transaction is missing any more.
        func remove(_ transaction: Transaction) -> Bool {
            transactions.remove(transaction)
            return transactions.isEmpty
        }
    }
}
