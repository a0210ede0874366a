import CoreAPIKit
import Foundation
import Testing

/// Failed attempts, and transactions that cannot be processed.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DeadLetterTests {
    private typealias Harness = ConsumerHarness

    @Test(arguments: RedisServer.Kind.allCases)
    func `a failed transaction is retried, and is a dead letter after the last attempt`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            // Long enough that a slow machine does not take the consumer for dead.
            var options = Harness.options(attemptsMax: 4)
            options.visibilityTimeout = .seconds(600)
            let consumer = try await Harness.consumer(redis, options)
            var attempts: [Transaction: Int] = [:]
            for try await delivery in consumer {
                attempts[delivery.transaction, default: 0] += 1
                if delivery.transaction == transactions[1] {
                    #expect(delivery.attempt <= 4)
                    await delivery.retry(because: "the PSP says 503, \(delivery.attempt)")
                } else {
                    try await delivery.ack()
                }
                if try await Harness.deadLetters(redis).count == 1 { break }
            }
            #expect(attempts[transactions[0]] == 1 && attempts[transactions[2]] == 1)
            #expect(attempts[transactions[1]] == 4)
            let letter = try #require(try await Harness.deadLetters(redis).first)
            #expect(letter["id"] == "\(transactions[1].id)")
            #expect(letter["amount"] == "2" && letter["currency"] == "EUR")
            #expect(letter["created_at"] == transactions[1].createdAt.timestamp)
            #expect(letter["dead_reason"] == "the PSP says 503, 4")
            #expect(letter["dead_attempts"] == "4")
            #expect(letter["dead_group"] == "psp")
            #expect(try #require(letter["dead_entry"]).contains("-"))
            #expect(try await Harness.pending(redis) == 0)
            try await Harness.isEmptied(redis)
            #expect(try await redis.command("EXISTS", "s:psp:retry") == .integer(0))
        }
    }

    @Test func `a delivery that is let go without being settled has failed`() async throws {
        try await RedisServer.with { redis in
            let transaction = try await Harness.enqueue(1, to: redis)[0]
            // It does not come by the visibility timeout.
            var options = Harness.options()
            options.visibilityTimeout = .seconds(3_600)
            let consumer = try await Harness.consumer(redis, options)
            _ = try await consumer.take()
            let again = try await consumer.take()
            #expect(again.transaction == transaction)
            #expect(again.attempt == 2)
            try await again.ack()
        }
    }

    @Test func `a handler that kills its process each time does not do so for ever`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(2, to: redis)
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            _ = try await redis.command(
                "XREADGROUP", "GROUP", "psp", "dead", "COUNT", "1", "STREAMS", "s", ">")
            let entry = try await redis.texts("XPENDING", "s", "psp", "-", "+", "1")[0]
            _ = try await redis.command(
                "XCLAIM", "s", "psp", "dead", "0", entry, "RETRYCOUNT", "3", "JUSTID")
            let consumer = try await Harness.consumer(
                redis, Harness.options(attemptsMax: 3, visibilitySeconds: 1))
            try await consumer.process([transactions[1]])
            try await eventually("it is given up") {
                try await Harness.deadLetters(redis).count == 1
            }
            let letter = try #require(try await Harness.deadLetters(redis).first)
            #expect(letter["id"] == "\(transactions[0].id)")
            #expect(letter["dead_reason"] == "not acknowledged after 3 attempts")
            #expect(letter["dead_attempts"] == "3")
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test func `a transaction that cannot succeed is rejected at once`() async throws {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            let consumer = try await Harness.consumer(redis)
            let reason = String(repeating: "r", count: 2_000)
            await (try await consumer.take()).reject(because: reason)
            let letter = try #require(try await Harness.deadLetters(redis).first)
            #expect(letter["dead_reason"] == String(reason.prefix(1_024)))
            #expect(letter["dead_attempts"] == "1")
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test
    func
        `an entry that is not a transaction is a dead letter, and stops no consumer`()
        async throws
    {
        try await RedisServer.with { redis in
            let good = ["id", "\(TransactionID.random())", "amount", "1", "currency", "EUR"]
            let rest = ["user_id", "1", "created_at", "2021-11-04T11:57:11.123456Z"]
            let long = String(repeating: "x", count: 5_000)
            for (fields, _) in [
                (["foo", "bar"], ""), (good, ""), (["id", "x"] + good.dropFirst(2) + rest, ""),
                (good + rest + ["x", long], ""),
                (good + rest + Array(repeating: "x", count: 3_000), ""),
            ] {
                _ = try await redis.command(["XADD", "s", "*"] + fields)
            }
            let transactions = try await Harness.enqueue(2, to: redis)
            let consumer = try await Harness.consumer(redis)
            try await consumer.process(transactions)
            try await eventually("all of them are laid aside") {
                try await Harness.deadLetters(redis).count == 5
            }
            let letters = try await Harness.deadLetters(redis)
            let large = "the entry has more than 32 fields or 4096 bytes"
            #expect(
                letters.map { $0["dead_reason"] } == [
                    "id is missing", "user_id is missing",
                    "id is not a UUID in lower case", large, large,
                ])
            #expect(letters[0]["foo"] == "bar" && letters[3]["x"] == long)
            #expect(try await Harness.pending(redis) == 0)
            try await Harness.isEmptied(redis)
        }
    }

    @Test func `an entry that no reply can hold is laid aside without being sent`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(1, to: redis)
            // The entry exceeds the limit of a reply, so the reader ends the connection, and the
            // other entries of the reply are delivered again.
            let long = String(repeating: "x", count: 2_000_000)
            _ = try await redis.command("XADD", "s", "*", "x", long)
            let more = try await Harness.enqueue(2, to: redis)
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            try await consumer.process(transactions + more)
            // The test's own connection could not read it either.
            try await eventually("it is laid aside") {
                try await Harness.length(redis, "s:dead") == 1
            }
            #expect(try await Harness.pending(redis) == 0)
        }
    }

    @Test func `retries are delivered even if their times were deleted`() async throws {
        try await RedisServer.with { redis in
            try await Harness.enqueue(1, to: redis)
            let consumer = try await Harness.consumer(redis, Harness.options(visibilitySeconds: 5))
            await (try await consumer.take()).retry(after: .seconds(3_600))
            #expect(try await redis.command("DEL", "s:psp:retry") == .integer(1))
            let again = try await consumer.take()
            #expect(again.attempt == 2)
            try await again.ack()
        }
    }

    @Test func `a retry waits for its handler's pause, and no consumer takes it earlier`()
        async throws
    {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(2, to: redis)
            let consumer = try await Harness.consumer(redis, Harness.options(visibilitySeconds: 3))
            let first = try await consumer.take()
            await first.retry(after: .seconds(3_600))
            let second = try await consumer.take()
            #expect(second.transaction == transactions[1])
            try await second.ack()
            #expect(try await Harness.consumers(redis)["retry"] == "1")
            // Several times the visibility timeout: it shows in the group as idle.
            try await eventually("some seconds have passed for Redis") {
                let entry = try await redis.texts("XPENDING", "s", "psp", "-", "+", "1")
                return try #require(Int(entry[2])) > 9_000
            }
            #expect(try await Harness.consumers(redis)["retry"] == "1")
            // An operator brings it forward.
            _ = try await redis.command("ZADD", "s:psp:retry", "0", first.entryID)
            let again = try await consumer.take()
            #expect(again.transaction == transactions[0])
            try await again.ack()
        }
    }
}
