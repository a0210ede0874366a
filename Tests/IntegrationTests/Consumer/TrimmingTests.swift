import Foundation
import Logging
import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// Which entries trimming removes from a stream, and which it keeps.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TrimmingTests {
    private typealias Harness = ConsumerHarness

    @Test(arguments: RedisServer.Kind.allCases)
    func `an entry is removed when the last of the groups has acknowledged it`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            // The second group has been given nothing yet, the third one holds one.
            for group in ["b", "c"] {
                _ = try await redis.command("XGROUP", "CREATE", "s", group, "0", "MKSTREAM")
            }
            let transactions = try await Harness.enqueue(3, to: redis)
            // On a slow machine too, the consumer keeps its deliveries.
            let third = try await Harness.consumer(
                redis, group: "c", Harness.options(visibilitySeconds: 3_600))
            let held = try await third.take()
            try await Harness.consumer(redis, group: "a").process(transactions)
            #expect(try await Harness.length(redis) == 3)
            let second = try await Harness.consumer(redis, group: "b")
            try await second.process(transactions)
            #expect(try await Harness.length(redis) == 3)
            // The third group's others are done, the one that it holds stays, and with it the last
            // one that was given, since it is not the first.
            try await third.process(transactions.filter { $0 != held.transaction })
            #expect(try await Harness.length(redis) == 2)
            await held.reject(because: "no")
            #expect(try await Harness.length(redis) == 0)
            #expect(try await Harness.deadLetters(redis).map { $0["dead_group"] } == ["c"])
        }
    }

    @Test func `entries that foreign consumers have acknowledged are removed, and no others`()
        async throws
    {
        try await RedisServer.with(["--stream-node-max-entries", "10"]) { redis in
            let count = 55
            try await Harness.enqueue(count, to: redis)
            for group in ["a", "b"] {
                _ = try await redis.command("XGROUP", "CREATE", "s", group, "0")
                _ = try await redis.command(
                    "XREADGROUP", "GROUP", group, "foreign", "COUNT", "\(count)", "STREAMS", "s",
                    ">")
            }
            let ids = try await Harness.ids(redis)
            #expect(ids.count == count)
            _ = try await redis.command(["XACK", "s", "a"] + ids)
            _ = try await redis.command(["XACK", "s", "b"] + ids.prefix(34))
            let connection = try await RedisConnection(
                opening: RedisURL(redis.url),
                options: RedisConnection.Options(scripts: ConsumerScripts.all),
                logger: Logger(label: "test"))
            let commands = ConsumerCommands(StreamPartitions(key: "s"), group: "a", consumer: "me")
            #expect(try await connection.execute(commands.tidy()) == .integer(34))
            #expect(
                try await Harness.ids(redis).first == ids[34],
                "the 35th is not acknowledged by everybody")
            _ = try await redis.command(["XACK", "s", "b"] + ids)
            #expect(try await connection.execute(commands.tidy()) == .integer(21))
            // A group that starts from the beginning keeps the entries.
            try await Harness.enqueue(20, to: redis)
            _ = try await redis.command("XGROUP", "SETID", "s", "a", "$")
            #expect(try await connection.execute(commands.tidy()) == .integer(0))
            connection.close()
        }
    }

    @Test func `ids are compared as numbers, of any length`() async throws {
        try await RedisServer.with { redis in
            // As texts, or as floating-point numbers, each is out of order.
            let ids = [
                "9-9007199254740993", "9-9007199254740994", "10-1", "10-18446744073709551614",
                "100-0",
            ]
            _ = try await redis.command("XGROUP", "CREATE", "s", "b", "0", "MKSTREAM")
            let transactions = try ids.map { _ in try Harness.transaction() }
            for (id, transaction) in zip(ids, transactions) {
                _ = try await redis.command(
                    "XADD", "s", id, "id", "\(transaction.id)", "amount", "1", "currency", "EUR",
                    "user_id", "1", "created_at", transaction.createdAt.timestamp)
            }
            // The other group has had all but the last two.
            _ = try await redis.command("XGROUP", "SETID", "s", "b", "10-1")
            let consumer = try await Harness.consumer(redis, group: "a")
            try await consumer.process(transactions)
            #expect(try await Harness.ids(redis) == Array(ids.suffix(2)))
            _ = try await redis.command("XGROUP", "SETID", "s", "b", "100-0")
            try await eventually("the others are removed") {
                try await Harness.length(redis) == 0
            }
        }
    }

    @Test(arguments: [RedisServer.Kind.redis, .valkey])
    func `Redis still knows a group's lag after trimming`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            // One group is given less than the other.
            let other = try await Harness.consumer(redis, group: "b", Harness.options(prefetch: 1))
            let consumer = try await Harness.consumer(redis)
            let transactions = try await Harness.enqueue(4, to: redis)
            try await (try await other.take()).ack()
            try await consumer.process(transactions)
            #expect(try await Harness.length(redis) == 3)
            try await other.process(Array(transactions[1...]))
            #expect(try await Harness.length(redis) == 0)
            // Every delivered entry is processed; then the consumer stops reading.
            consumer.stop()
            other.stop()
            for consumer in [consumer, other] { for try await _ in consumer {} }
            try await Harness.enqueue(7, to: redis)
            let groups = try await redis.texts("XINFO", "GROUPS", "s")
            let lags = groups.indices.filter { groups[$0] == "lag" }.map { groups[$0 + 1] }
            #expect(lags == ["7", "7"])
        }
    }

    @Test func `an old entry that waits for a retry does not delay later entries`()
        async throws
    {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(6, to: redis)
            let consumer = try await Harness.consumer(redis)
            await (try await consumer.take()).retry(after: .seconds(3_600))
            try await consumer.process(Array(transactions[1...]))
            // The last one that was given stays until it is the first.
            let ids = try await Harness.ids(redis)
            #expect(ids.count == 2)
            _ = try await redis.command("ZADD", "s:psp:retry", "0", ids[0])
            try await (try await consumer.take()).ack()
            #expect(try await Harness.length(redis) == 0)
        }
    }

    @Test func `a consumer trims by itself`() async throws {
        try await RedisServer.with(["--stream-node-max-entries", "10"]) { redis in
            try await Harness.enqueue(30, to: redis)
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            _ = try await redis.command(
                "XREADGROUP", "GROUP", "psp", "foreign", "NOACK", "STREAMS", "s", ">")
            #expect(try await Harness.length(redis) == 30)
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            try await eventually("what is acknowledged is removed") {
                try await Harness.length(redis) == 0
            }
            consumer.stop()
        }
    }
}
