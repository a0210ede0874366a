import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Synchronization
import Testing

/// A stream of several partitions and its consumers, on one Redis.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PartitionTests {
    private func transaction(user: Int, _ amount: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(amount)),
            currency: try #require(CurrencyCode("EUR")), userID: user,
            createdAt: UnixTime(seconds: UnixTime.now().wholeSeconds))
    }

    private func queue(
        _ redis: RedisServer, _ partitions: Int
    ) async throws -> StreamTransactionQueue {
        try await StreamTransactionQueue(url: redis.url, key: "s", partitions: partitions)
    }

    private func consumer(
        _ redis: RedisServer, _ partitions: Int,
        _ options: ConsumerOptions = ConsumerHarness.options()
    ) async throws -> TransactionConsumer {
        try await TransactionConsumer(
            url: redis.url, key: "s", partitions: partitions, group: "psp", options: options)
    }

    private func length(
        _ redis: RedisServer, _ partitions: Int, _ suffix: String = ""
    ) async throws -> Int {
        var sum = 0
        for partition in 0..<partitions {
            sum += try await ConsumerHarness.length(redis, "{s:\(partition)}\(suffix)")
        }
        return sum
    }

    // MARK: - The number of partitions

    @Test func `the first queue or consumer writes the number, and another number is refused`()
        async throws
    {
        try await RedisServer.with { redis in
            _ = try await consumer(redis, 4)
            #expect(try await redis.texts("GET", "core-api:partitions:{s}") == ["4"])
            let queue = try await queue(redis, 4)
            try await queue.enqueue(try transaction(user: 1))
            for other in [1, 2, 1_024] {
                await #expect(throws: RedisError.partitionCountDiffers(inRedis: 4)) {
                    try await self.queue(redis, other)
                }
                await #expect(
                    throws: ConsumerError.refused(.partitionCountDiffers(inRedis: 4))
                ) {
                    try await self.consumer(redis, other)
                }
            }
            #expect(try await redis.texts("KEYS", "s") == [])
        }
    }

    @Test func `a stream from before the number was kept has one partition`() async throws {
        try await RedisServer.with { redis in
            _ = try await redis.command("XADD", "s", "*", "id", "x")
            await #expect(throws: RedisError.partitionCountDiffers(inRedis: 1)) {
                try await self.queue(redis, 2)
            }
            #expect(try await redis.texts("KEYS", "core-api:partitions:*") == [])
            _ = try await self.queue(redis, 1)
            #expect(try await redis.texts("GET", "core-api:partitions:{s}") == ["1"])
        }
    }

    @Test func `a number out of bounds is refused before it connects`() async throws {
        for count in [0, -1, 1_025, Int.max, .min] {
            await #expect(throws: RedisError.self) {
                try await StreamTransactionQueue(
                    url: "redis://127.0.0.1:1", key: "s", partitions: count)
            }
            await #expect(throws: ConsumerError.self) {
                try await TransactionConsumer(
                    url: "redis://127.0.0.1:1", key: "s", partitions: count, group: "g")
            }
        }
    }

    @Test func `a Redis that comes back with another number is not written to`() async throws {
        try await RedisServer.with(ConsumerHarness.keepsEverything) { redis in
            let queue = try await queue(redis, 4)
            try await queue.enqueue(try transaction(user: 1))
            _ = try await redis.command("SET", "core-api:partitions:{s}", "2")
            redis.kill()
            try await redis.start()
            await #expect(
                throws: QueueError.unavailable(.partitionCountDiffers(inRedis: 2))
            ) {
                // The first may meet the connection that broke.
                _ = try? await queue.enqueue(try self.transaction(user: 1))
                try await queue.enqueue(try self.transaction(user: 1))
            }
            #expect(try await length(redis, 4) == 1)
        }
    }

    @Test func `producer and consumer need no more rights than docs say`() async throws {
        try await RedisServer.with { redis in
            for (user, rights) in RedisServer.accessRights {
                _ = try await redis.command(["ACL", "SETUSER", user, "on", ">pw"] + rights)
            }
            let host = "pw@127.0.0.1:\(redis.port)"
            let consumer = try await TransactionConsumer(
                url: "redis://partitions-consumer:\(host)", key: "transactions", partitions: 4,
                group: "psp", options: ConsumerHarness.options(attemptsMax: 2))
            let queue = try await StreamTransactionQueue(
                url: "redis://partitions-producer:\(host)", key: "transactions", partitions: 4)
            for user in 0..<8 {
                let transaction = try transaction(user: user)
                let key = IdempotencyKey("k")
                #expect(try await queue.enqueue(transaction, idempotencyKey: key) == .enqueued)
                let delivery = try await consumer.take()
                await delivery.retry()
                try await consumer.take().ack()
            }
            try await queue.enqueue(transaction(user: 1))
            for _ in 0..<2 { try await consumer.take().retry() }
            let dead =
                "{transactions:\(StreamPartitions(key: "s", count: 4).index(ofUser: 1))}:dead"
            try await eventually("a dead letter") {
                try await ConsumerHarness.length(redis, dead) == 1
            }
            consumer.stop()
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
        }
    }

    // MARK: - Sending

    @Test func `a user's transactions are in one partition, in their order`() async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 8)
            let users = 0..<40
            try await withThrowingTaskGroup(of: Void.self) { group in
                for user in users {
                    group.addTask {
                        for amount in 1...20 {
                            try await queue.enqueue(try self.transaction(user: user, amount))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let partitions = StreamPartitions(key: "s", count: 8)
            var amounts: [Int: [Int]] = [:]
            for partition in 0..<8 {
                let texts = try await redis.texts("XRANGE", "{s:\(partition)}", "-", "+")
                for index in texts.indices where texts[index] == "user_id" {
                    let user = try #require(Int(texts[index + 1]))
                    #expect(partitions.index(ofUser: user) == partition)
                    amounts[user, default: []].append(try #require(Int(texts[index - 3])))
                }
            }
            #expect(amounts.count == users.count)
            for user in users { #expect(amounts[user] == Array(1...20)) }
            // One session for each partition, over one connection.
            let sessions = try await redis.texts("KEYS", "core-api:session:*")
            #expect(sessions.count == 8)
            for partition in 0..<8 {
                #expect(
                    sessions.count { $0.hasPrefix("core-api:session:{s:\(partition)}:") } == 1)
            }
        }
    }

    // MARK: - Consumers

    /// Counts deliveries.
    private final class Tally: Sendable {
        private let deliveries = Mutex<(counts: [TransactionID: Int], partitions: Set<Int>)>(
            ([:], []))

        func add(_ delivery: Delivery) {
            deliveries.withLock {
                $0.counts[delivery.transaction.id, default: 0] += 1
                $0.partitions.insert(delivery.partition)
            }
        }

        var counts: [TransactionID: Int] { deliveries.withLock { $0.counts } }
        var partitions: Set<Int> { deliveries.withLock { $0.partitions } }
    }

    @Test func `two consumers share all partitions, and each transaction goes to one of them`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 8)
            let consumers = [
                try await consumer(redis, 8), try await consumer(redis, 8),
            ]
            let total = 400
            let tally = Tally()
            async let sent: Void = {
                for number in 0..<total {
                    try await queue.enqueue(try self.transaction(user: number))
                }
            }()
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for consumer in consumers {
                    group.addTask {
                        var count = 0
                        for try await delivery in consumer {
                            tally.add(delivery)
                            try await delivery.ack()
                            count += 1
                            if tally.counts.count == total {
                                for consumer in consumers { consumer.stop() }
                            }
                        }
                        return count
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await sent
            #expect(tally.counts.values.allSatisfy { $0 == 1 })
            #expect(counts.allSatisfy { $0 > 0 })
            #expect(tally.partitions == Set(0..<8))
            #expect(try await length(redis, 8) == 0)
        }
    }

    @Test func `one consumer gets each user's transactions in their order`() async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 16)
            for amount in 1...10 {
                for user in 0..<30 { try await queue.enqueue(transaction(user: user, amount)) }
            }
            // More partitions than it holds at once.
            let consumer = try await consumer(redis, 16, ConsumerHarness.options(prefetch: 4))
            var amounts: [Int: [Int]] = [:]
            for _ in 0..<300 {
                let delivery = try await consumer.take()
                amounts[delivery.transaction.userID, default: []]
                    .append(delivery.transaction.amount.minorUnits)
                try await delivery.ack()
            }
            for user in 0..<30 { #expect(amounts[user] == Array(1...10)) }
        }
    }

    @Test func `a consumer holds no more than its limit, and takes partitions in turns`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 16)
            for user in 0..<320 { try await queue.enqueue(transaction(user: user)) }
            let consumer = try await consumer(redis, 16, ConsumerHarness.options(prefetch: 8))
            var partitions: Set<Int> = []
            for _ in 0..<200 {
                let delivery = try await consumer.take()
                partitions.insert(delivery.partition)
                var pending = 0
                for partition in 0..<16 {
                    let reply = try await redis.command("XPENDING", "{s:\(partition)}", "psp")
                    guard case .array(let summary) = reply,
                        case .integer(let count)? = summary.first
                    else { continue }
                    pending += Int(count)
                }
                #expect(pending <= 8)
                try await delivery.ack()
            }
            #expect(partitions.count > 8)
        }
    }

    @Test func `a transaction in any partition wakes a consumer that waits`() async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 1_024)
            let consumer = try await consumer(redis, 1_024)
            for user in 0..<50 {
                async let delivery = consumer.take()
                let transaction = try transaction(user: user * 977)
                try await queue.enqueue(transaction)
                #expect(try await delivery.transaction == transaction)
                try await delivery.ack()
            }
            consumer.stop()
        }
    }

    @Test func `retries and dead letters stay in their partition`() async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 4)
            let sent = try (0..<12).map { try transaction(user: $0) }
            for transaction in sent { try await queue.enqueue(transaction) }
            let consumer = try await consumer(redis, 4, ConsumerHarness.options(attemptsMax: 3))
            var attempts: [TransactionID: [Int]] = [:]
            while attempts.values.reduce(0, { $0 + $1.count }) < 12 * 3 {
                let delivery = try await consumer.take()
                attempts[delivery.transaction.id, default: []].append(delivery.attempt)
                await delivery.retry(because: "no")
            }
            for transaction in sent { #expect(attempts[transaction.id] == [1, 2, 3]) }
            try await eventually("all are dead") {
                try await self.length(redis, 4, ":dead") == 12
            }
            #expect(try await length(redis, 4) == 0)
            let partitions = StreamPartitions(key: "s", count: 4)
            for transaction in sent {
                let dead = "{s:\(partitions.index(ofUser: transaction.userID))}:dead"
                let texts = try await redis.texts("XRANGE", dead, "-", "+")
                #expect(texts.contains(transaction.id.description))
            }
            #expect(try await redis.texts("KEYS", "*:psp:retry") == [])
        }
    }

    @Test func `what a consumer that died held is delivered to another, in any partition`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 16)
            let sent = try (0..<40).map { try transaction(user: $0) }
            for transaction in sent { try await queue.enqueue(transaction) }
            let options = ConsumerHarness.hasty
            // Joins the groups, so that they are there.
            let survivor = try await consumer(redis, 16, options)
            for partition in 0..<16 {
                _ = try await redis.command(
                    "XREADGROUP", "GROUP", "psp", "dead", "COUNT", "100", "STREAMS",
                    "{s:\(partition)}", ">")
            }
            try await survivor.process(sent)
            survivor.stop()
        }
    }

    @Test func `a consumer that stops gives back what it has not delivered`() async throws {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 4)
            for user in 0..<20 { try await queue.enqueue(transaction(user: user)) }
            let first = try await consumer(redis, 4)
            let held = try await first.take()
            first.stop()
            try await held.ack()
            var iterator = first.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
            let second = try await consumer(redis, 4)
            for _ in 0..<19 {
                let delivery = try await second.take()
                #expect(delivery.attempt == 1)
                try await delivery.ack()
            }
            try await eventually("the streams are emptied") {
                try await self.length(redis, 4) == 0
            }
        }
    }

    @Test func `a Redis that has lost everything gets the groups of all partitions again`()
        async throws
    {
        try await RedisServer.with { redis in
            let queue = try await queue(redis, 4)
            let consumer = try await consumer(redis, 4)
            _ = try await redis.command("FLUSHALL")
            for user in 0..<20 {
                let transaction = try transaction(user: user)
                try await queue.enqueue(transaction)
                let delivery = try await consumer.take()
                #expect(delivery.transaction == transaction)
                try await delivery.ack()
            }
            #expect(try await redis.texts("GET", "core-api:partitions:{s}") == ["4"])
        }
    }
}
