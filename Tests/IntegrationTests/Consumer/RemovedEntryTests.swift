import CoreAPIKit
import Foundation
import MetricsTestKit
import Testing

/// Entries that are deleted from the stream while they are pending.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RemovedEntryTests {
    private typealias Harness = ConsumerHarness

    private let metrics = TestMetrics()

    private func settled(_ result: String) -> Int64 {
        metrics.counterTotal(
            label: "core_api_consumer_settled_total",
            dimensions: [("stream", "s"), ("group", "psp"), ("result", result)])
    }

    private func consumer(
        _ redis: RedisServer, _ options: ConsumerOptions
    ) async throws -> TransactionConsumer {
        var options = options
        options.metrics = metrics
        return try await TransactionConsumer(
            url: redis.url, key: "s", group: "psp", options: options)
    }

    /// Another consumer that dies with this many entries.
    private func die(_ redis: RedisServer, with count: Int) async throws -> [String] {
        _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0", "MKSTREAM")
        try await Harness.enqueue(count, to: redis)
        let ids = try await Harness.ids(redis)
        _ = try await redis.command(
            "XREADGROUP", "GROUP", "psp", "dead", "COUNT", "\(count)", "STREAMS", "s", ">")
        return ids
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func
        `each removed id is logged once, and the remaining entries are processed`(
            kind: RedisServer.Kind
        ) async throws
    {
        try await RedisServer.with(kind: kind) { redis in
            let ids = try await die(redis, with: 45)
            _ = try await redis.command("XTRIM", "s", "MAXLEN", "1")
            let connector = try Program(
                Program.built("connector-example"), [redis.url, "s", "psp"])
            try await eventually("nothing is pending") {
                try await Harness.pending(redis) == 0
            }
            connector.signal(SIGTERM)
            #expect(try await connector.status() == 0, "\(connector.errors)")
            #expect(connector.output.ranges(of: "charged ").count == 1)
            let lines = connector.errors.split(separator: "\n").filter {
                $0.contains("pending entries were removed from the stream")
            }
            #expect(lines.allSatisfy { $0.contains("warning") && $0.utf8.count < 1_200 })
            // Whole ids: one may be the beginning of another.
            let words = lines.flatMap { $0.split { !"0123456789-".contains($0) }.map(String.init) }
            let told = words.filter(ids.contains)
            #expect(told.sorted() == ids.dropLast().sorted())
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `removed entries are counted, at their last attempt too, and are not dead letters`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let ids = try await die(redis, with: 3)
            _ = try await redis.command(
                "XCLAIM", "s", "psp", "dead", "0", ids[0], "RETRYCOUNT", "9223372036854775807",
                "JUSTID")
            _ = try await redis.command(
                "XCLAIM", "s", "psp", "dead", "0", ids[1], "RETRYCOUNT", "9223372036854775807",
                "JUSTID")
            _ = try await redis.command("XDEL", "s", ids[0], ids[2])
            let consumer = try await consumer(redis, Harness.hasty)
            try await eventually("two are counted") { settled("removed") == 2 }
            try await eventually("one is dead") { settled("dead") == 1 }
            let letters = try await Harness.deadLetters(redis)
            #expect(letters.map { $0["dead_entry"] } == [ids[1]])
            #expect(letters[0]["dead_attempts"] == "9007199254740991")
            #expect(try await Harness.pending(redis) == 0)
            consumer.stop()
        }
    }

    @Test
    func
        `a removed entry that a handler holds is counted, and can be acknowledged`()
        async throws
    {
        try await RedisServer.with { redis in
            try await Harness.enqueue(2, to: redis)
            let consumer = try await consumer(redis, Harness.options(visibilitySeconds: 3))
            let held = try await consumer.take()
            _ = try await redis.command("XTRIM", "s", "MAXLEN", "0")
            try await eventually("both are counted") { settled("removed") == 2 }
            try await held.ack()
            // The consumer's buffered entries are delivered.
            try await (try await consumer.take()).ack()
            #expect(settled("acknowledged") == 2 && settled("removed") == 2)
        }
    }

    @Test func `a removed entry that fails is counted, with or without a further attempt`()
        async throws
    {
        try await RedisServer.with { redis in
            try await Harness.enqueue(2, to: redis)
            // It is not kept meanwhile.
            let consumer = try await consumer(redis, Harness.options(visibilitySeconds: 600))
            let first = try await consumer.take()
            let second = try await consumer.take()
            _ = try await redis.command("XDEL", "s", first.entryID, second.entryID)
            await first.retry()
            #expect(settled("removed") == 1)
            await second.reject(because: "no")
            #expect(settled("removed") == 2)
            #expect(settled("retried") == 0 && settled("dead") == 0)
            #expect(try await Harness.deadLetters(redis).isEmpty)
            #expect(try await redis.command("EXISTS", "s:psp:retry") == .integer(0))
            #expect(try await Harness.pending(redis) == 0)
        }
    }
}
