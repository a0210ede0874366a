import CoreAPIBase
import CoreAPIRedis
import Foundation
import Logging
import Testing

@testable import CoreAPIKit

/// Statuses of transactions that Redis has lost, and that a session sends again.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusLossTests {
    typealias Kind = QueueContractTests.Kind

    @Test(arguments: [Kind.rq, .stream, .partitions])
    func `what is sent again has its status again`(kind: Kind) async throws {
        try await RedisServer.with(["--appendonly", "no"]) { redis in
            var settings = RedisQueue.Settings(
                url: try RedisURL(redis.url),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            settings.producer.limits.messageTimeoutMilliseconds = 30_000
            settings.features.statusSeconds = 3_600
            let queue = try await kind.queue(settings)
            let statuses =
                kind == .rq
                ? try RedisTransactionStatusStore(url: redis.url, rqQueue: "default")
                : try RedisTransactionStatusStore(
                    url: redis.url, stream: "s", partitions: kind.partitions("s").count)
            var transactions: [Transaction] = []
            for number in 0..<20 {
                let transaction = try ConsumerHarness.transaction(number + 1)
                let key = number.isMultiple(of: 2) ? nil : IdempotencyKey("\(number)")
                _ = try await queue.enqueue(transaction, idempotencyKey: key)
                transactions.append(transaction)
            }
            redis.kill()
            try await redis.start()
            try await queue.enqueue(try ConsumerHarness.transaction())
            for transaction in transactions {
                let status = try await statuses.status(of: transaction.id, userID: 1)
                #expect(status?.state == .queued && status?.amount == transaction.amount)
            }
        }
    }

    @Test(arguments: [Kind.stream, .partitions])
    func `a refused status refuses the transaction, and nothing of it is left`(kind: Kind)
        async throws
    {
        try await RedisServer.with { redis in
            let user = "narrow"
            _ = try await redis.command(
                "ACL", "SETUSER", user, "on", ">pw", "+@all", "~s", "~{s:*}*",
                "~core-api:session:*", "~core-api:idempotency:*", "~core-api:partitions:*")
            var settings = RedisQueue.Settings(
                url: try RedisURL("redis://\(user):pw@127.0.0.1:\(redis.port)"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            settings.features.statusSeconds = 3_600
            let queue = try await kind.queue(settings)
            for key in [nil, IdempotencyKey("k")] {
                await #expect(throws: QueueError.self) {
                    try await queue.enqueue(
                        try ConsumerHarness.transaction(), idempotencyKey: key)
                }
            }
            #expect(try await kind.ids("s", redis).isEmpty)
            try await eventually("no record is left") {
                try await redis.texts("KEYS", "core-api:idempotency:*").isEmpty
            }
            _ = try await redis.command("ACL", "SETUSER", user, "~core-api:status:*")
            #expect(
                try await queue.enqueue(
                    try ConsumerHarness.transaction(), idempotencyKey: IdempotencyKey("k"))
                    == .enqueued)
        }
    }
}
