import ChildProcess
import CoreAPIKit
import Foundation
import Testing

/// The example connector, as several processes.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConnectorTests {
    private func connector(_ redis: RedisServer) throws -> Program {
        try Program(Program.built("connector-example"), [redis.url, "s", "psp"])
    }

    /// The ids of the transactions that the connectors say they have charged.
    private func charged(_ connectors: [Program]) -> Set<String> {
        var ids: Set<String> = []
        for line in connectors.map(\.output).joined().split(separator: "\n") {
            guard line.hasPrefix("charged "), line.hasSuffix(" EUR") else { continue }
            ids.insert(String(line.dropFirst(8).prefix(36)))
        }
        return ids
    }

    @Test
    func `one of three connectors is killed in the middle, and every transaction is processed`()
        async throws
    {
        try await RedisServer.with(ConsumerHarness.keepsEverything) { redis in
            var connectors = try (0..<3).map { _ in try connector(redis) }
            let transactions = try await ConsumerHarness.enqueue(300, to: redis)
            try await eventually("each connector works") {
                connectors.allSatisfy { $0.output.contains("charged ") }
            }
            connectors[0].signal(SIGKILL)
            // Redis restarts meanwhile, and another connector joins them.
            redis.kill()
            try await redis.start()
            connectors.append(try connector(redis))
            let expected = Set(transactions.map { "\($0.id)" })
            try await eventually("every transaction is processed", withinSeconds: 180) {
                charged(connectors) == expected
            }
            try await eventually("none is pending") {
                try await ConsumerHarness.pending(redis) == 0
            }
            try await ConsumerHarness.isEmptied(redis)
            #expect(try await ConsumerHarness.deadLetters(redis).isEmpty)
            for connector in connectors.dropFirst() {
                connector.signal(SIGTERM)
                #expect(try await connector.status() == 0, "\(connector.errors)")
            }
        }
    }

    @Test func `every error ends a connector with a message and a status, never by a trap`()
        async throws
    {
        try await RedisServer.with { redis in
            _ = try await redis.command("SET", "text", "x")
            _ = try await redis.command("ACL", "SETUSER", "default", "resetpass", ">pw")
            let away = "redis://127.0.0.1:\(try FreePort.next())"
            let known = "redis://:pw@127.0.0.1:\(redis.port)"
            for (arguments, status) in [
                ([], 64), (["x"], 64), ([known, "", "psp"], 64), ([known, "s", ""], 64),
                ([known, "s", "psp", "more"], 64), (["", "s", "psp"], 1),
                (["http://x", "s", "psp"], 1), ([away, "s", "psp"], 1),
                ([redis.url, "s", "psp"], 1),
                (["redis://:no@127.0.0.1:\(redis.port)", "s", "g"], 1),
                (["\(known)/99", "s", "psp"], 1), ([known, "text", "psp"], 1),
                (["rediss://127.0.0.1:\(redis.port)", "s", "psp"], 1),
            ] as [([String], Int32)] {
                let ended = try await Program.run(Program.built("connector-example"), arguments)
                #expect(ended.status == status, "\(arguments): \(ended.errors)")
                #expect(ended.errors.contains("connector-example: "), "\(arguments)")
                #expect(!ended.errors.contains("Fatal"), "\(ended.errors)")
            }
        }
    }

    @Test func `a key that becomes another type ends a connector, which says so`() async throws {
        try await RedisServer.with { redis in
            let connector = try connector(redis)
            try await eventually("it has joined") {
                try await redis.texts("EXISTS", "s") == ["1"]
            }
            _ = try await redis.command("SET", "s", "text")
            #expect(try await connector.status() == 1)
            #expect(connector.errors.contains("the consumer gives up"), "\(connector.errors)")
            #expect(connector.errors.contains("WRONGTYPE"), "\(connector.errors)")
        }
    }

    @Test func `a connector takes codes that its build does not know`() async throws {
        try await RedisServer.with { redis in
            let (id, connector) = (TransactionID.random(), try connector(redis))
            for code in ["HRK", "ZZZ"] {
                _ = try await redis.command(
                    "XADD", "s", "*", "id", "\(id)", "amount", "7", "currency", code, "user_id",
                    "1", "created_at", "2021-11-04T11:57:11.123456Z")
                try await eventually("it is charged") {
                    connector.output.contains("charged \(id): 7 \(code)\n")
                }
            }
            connector.signal(SIGTERM)
            #expect(try await connector.status() == 0, "\(connector.errors)")
            #expect(try await ConsumerHarness.deadLetters(redis).isEmpty)
        }
    }

    @Test func `SIGTERM ends a connector in order, and others go on at once`() async throws {
        try await RedisServer.with { redis in
            let transactions = try await ConsumerHarness.enqueue(100, to: redis)
            let first = try connector(redis)
            try await eventually("it works") { first.output.contains("charged ") }
            first.signal(SIGTERM)
            #expect(try await first.status() == 0, "\(first.errors)")
            #expect(try await ConsumerHarness.consumers(redis).keys.allSatisfy { $0 == "retry" })
            let second = try connector(redis)
            let expected = Set(transactions.map { "\($0.id)" })
            try await eventually("every transaction is processed") {
                charged([first, second]) == expected
            }
            second.signal(SIGTERM)
            #expect(try await second.status() == 0, "\(second.errors)")
            #expect(try await ConsumerHarness.pending(redis) == 0)
        }
    }
}
