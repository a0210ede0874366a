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
