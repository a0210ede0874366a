import CoreAPIKit
import Foundation
import Testing

/// A consumer that lacks one of the permissions that docs/wire-formats.md names.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConsumerRightsTests {
    private typealias Harness = ConsumerHarness

    private static let user = "stream-consumer"

    private static let rights =
        RedisServer.accessRights.first { $0.0 == user }?.1.filter { $0.hasPrefix("+") } ?? []

    private func url(_ redis: RedisServer) -> String {
        "redis://\(ConsumerRightsTests.user):pw@127.0.0.1:\(redis.port)"
    }

    private func give(_ redis: RedisServer, without missing: String? = nil) async throws {
        let rights = ConsumerRightsTests.rights.filter { $0 != missing }
        _ = try await redis.command(
            ["ACL", "SETUSER", ConsumerRightsTests.user, "reset", "on", ">pw"]
                + ["~transactions", "~transactions:*"] + rights)
    }

    private func consumer(_ redis: RedisServer) async throws -> TransactionConsumer {
        try await TransactionConsumer(
            url: url(redis), key: "transactions", group: "psp", options: Harness.hasty)
    }

    /// Settles transactions in every way until the sequence throws. For some permissions the
    /// consumer must first create its group again, or stop.
    private func work(
        _ redis: RedisServer, _ consumer: TransactionConsumer, _ right: String
    ) async throws {
        switch right {
        case "+script|load": _ = try await redis.command("CLIENT", "KILL", "TYPE", "normal")
        case "+xgroup|create", "+xgroup|createconsumer":
            _ = try await redis.command("DEL", "transactions")
        default: break
        }
        try await Harness.enqueue(9, to: redis, key: "transactions")
        for try await delivery in consumer {
            switch delivery.transaction.amount.minorUnits % 3 {
            case 0: await delivery.reject(because: "no")
            case 1: await delivery.retry(after: .seconds(delivery.attempt == 1 ? 0 : 3_600))
            default: try? await delivery.ack()
            }
            if right == "+xgroup|delconsumer" { consumer.stop() }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `the removal of any permission ends the sequence`(
        kind: RedisServer.Kind
    ) async throws {
        #expect(ConsumerRightsTests.rights.count == 20)
        try await RedisServer.with(kind: kind) { redis in
            for right in ConsumerRightsTests.rights {
                _ = try await redis.command("FLUSHALL")
                try await give(redis)
                let consumer = try await consumer(redis)
                try await give(redis, without: right)
                try await expectRefusal(.noPermission, "\(right)") {
                    try await work(redis, consumer, right)
                }
            }
        }
    }

    @Test func `the lack of any permission ends the sequence`() async throws {
        try await RedisServer.with { redis in
            for right in ConsumerRightsTests.rights {
                _ = try await redis.command("FLUSHALL")
                try await give(redis, without: right)
                try await expectRefusal(.noPermission, "\(right)") {
                    try await work(redis, try await consumer(redis), right)
                }
            }
        }
    }

    @Test
    func
        `a charged transaction is not processed again after its acknowledgement failed`()
        async throws
    {
        try await RedisServer.with { redis in
            try await give(redis)
            let consumer = try await consumer(redis)
            try await Harness.enqueue(3, to: redis, key: "transactions")
            try await give(redis, without: "+xack")
            try await acknowledgeInVain(consumer)
            try await expectRefusal(.noPermission, "+xack") { for try await _ in consumer {} }
            #expect(try await redis.command("EXISTS", "transactions:psp:retry") == .integer(1))
            // Two were given back untried; the one that was charged is not among them.
            #expect(try await redis.command("ZCARD", "transactions:psp:retry") == .integer(2))
        }
    }

    /// Takes one, and lets go of it when it could not be acknowledged.
    private func acknowledgeInVain(_ consumer: TransactionConsumer) async throws {
        let delivery = try await consumer.take()
        try await expectRefusal(.noPermission, "+xack") { try await delivery.ack() }
    }

    @Test func `a connector that may not acknowledge charges one, says why, and ends`()
        async throws
    {
        try await RedisServer.with { redis in
            let transactions = try await Harness.enqueue(5, to: redis, key: "transactions")
            try await give(redis, without: "+xack")
            let arguments = [url(redis), "transactions", "psp"]
            let refused = try await Program.run(Program.built("connector-example"), arguments)
            #expect(refused.status == 1)
            #expect(refused.output.ranges(of: "charged ").count == 1, "\(refused.output)")
            #expect(refused.errors.ranges(of: "the consumer gives up").count == 1)
            #expect(refused.errors.contains("step=acknowledge"), "\(refused.errors)")
            #expect(refused.errors.contains("charged \(transactions[0].id), but not acknowledged"))
            #expect(!refused.errors.contains("Fatal"))
            try await give(redis)
            let connector = try Program(Program.built("connector-example"), arguments)
            try await eventually("all are charged") {
                transactions.allSatisfy { connector.output.contains("\($0.id)") }
            }
            connector.signal(SIGTERM)
            #expect(try await connector.status() == 0, "\(connector.errors)")
            #expect(try await Harness.length(redis, "transactions:dead") == 0)
        }
    }
}
