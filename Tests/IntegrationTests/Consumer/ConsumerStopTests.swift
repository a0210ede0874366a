import CoreAPIKit
import Foundation
import Testing

/// How a consumer ends.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConsumerStopTests {
    private typealias Harness = ConsumerHarness

    @Test func `after stop, held deliveries finish, and the others go back at once`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(5, to: redis)
            // Nothing comes again by a timeout in this test.
            var options = ConsumerOptions()
            options.visibilityTimeout = .seconds(3_600)
            let consumer = try await Harness.consumer(redis, options)
            let held = try await consumer.take()
            try await eventually("the others are prefetched") {
                try await Harness.pending(redis) == 5
            }
            consumer.stop()
            consumer.stop()
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
            #expect(try await iterator.next() == nil)
            #expect(
                try await Harness.consumers(redis) == [consumer.name: "1", "retry": "4"])
            try await held.ack()
            try await eventually("the consumer leaves its group") {
                try await Harness.consumers(redis)[consumer.name] == nil
            }
            let other = try await Harness.consumer(redis, options)
            for transaction in transactions.dropFirst() {
                let delivery = try await other.take()
                #expect(delivery.transaction == transaction)
                #expect(delivery.attempt == 1, "nobody has tried it")
                try await delivery.ack()
            }
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test func `a loop that waits ends by stop, and the name is gone when it has ended`()
        async throws
    {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis)
            async let count = {
                var count = 0
                for try await _ in consumer { count += 1 }
                return count
            }()
            consumer.stop()
            #expect(try await count == 0)
            #expect(try await Harness.consumers(redis).isEmpty)
        }
    }

    @Test func `the server's health counts consumers, but not the retry pseudo-consumer`()
        async throws
    {
        try await RedisServer.with { redis in
            try await APIServer.with(["REDIS_URL": redis.url, "QUEUE": "stream:s"]) { server in
                let consumer = try await Harness.consumer(redis, ConsumerOptions())
                try await HealthAnswer.eventually("it is seen before it has anything", server) {
                    $0.number("workers:count") == 1 && $0.number("queue:depth") == 0
                }
                for _ in 0..<2 { #expect(try server.post(APIServer.body()).status == 200) }
                try await (try await consumer.take()).ack()
                await (try await consumer.take()).retry(after: .seconds(3_600))
                try await HealthAnswer.eventually("one waits for its next attempt", server) {
                    $0.number("workers:count") == 1 && $0.number("queue:depth") == 1
                }
                consumer.stop()
                for try await _ in consumer {}
                for _ in 0..<2 { #expect(try server.post(APIServer.body()).status == 200) }
                try await HealthAnswer.eventually("nobody is there", server) {
                    $0.number("workers:count") == 0 && $0.number("queue:depth") == 3
                }
            }
        }
    }

    @Test func `a task that is cancelled ends its loop, and the consumer leaves`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            let consumer = try await Harness.consumer(redis)
            let (processed, continuation) = AsyncStream.makeStream(of: Transaction.self)
            let task = Task {
                for try await delivery in consumer {
                    try await delivery.ack()
                    continuation.yield(delivery.transaction)
                }
                return Task.isCancelled
            }
            var missing = Set(transactions)
            for await transaction in processed {
                missing.remove(transaction)
                if missing.isEmpty { break }
            }
            task.cancel()
            #expect(try await task.value)
            #expect(try await Harness.consumers(redis).isEmpty)
        }
    }

    @Test func `letting go of a consumer stops it`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            var options = ConsumerOptions()
            options.visibilityTimeout = .seconds(3_600)
            do {
                let consumer = try await Harness.consumer(redis, options)
                for try await delivery in consumer {
                    try await delivery.ack()
                    break
                }
            }
            try await eventually("the consumer has left") {
                try await Harness.consumers(redis).keys.allSatisfy { $0 == "retry" }
            }
            try await Harness.consumer(redis, options).process(Array(transactions[1...]))
        }
    }

    @Test func `a consumer stops while Redis is away, too`() async throws {
        try await RedisServer.with(Harness.keepsEverything) { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            let held = try await consumer.take()
            redis.kill()
            consumer.stop()
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
            await held.retry()
            try await redis.start()
            try await Harness.consumer(redis, Harness.hasty).process(transactions)
        }
    }
}
