import CoreAPIBase
import CoreAPIKit
import Foundation
import Testing

/// The status of a stream's transactions while consumers process, retry, reject and lose them.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusConsumerTests {
    private typealias Harness = ConsumerHarness

    /// A stream `s` whose queue keeps statuses.
    private struct Stream {
        let redis: RedisServer
        let queue: StreamTransactionQueue
        let statuses: RedisTransactionStatusStore

        init(_ redis: RedisServer, seconds: Int = 3_600) async throws {
            self.redis = redis
            var options = QueueOptions()
            options.statusSeconds = seconds
            queue = try await StreamTransactionQueue(url: redis.url, key: "s", options: options)
            statuses = try RedisTransactionStatusStore(url: redis.url, stream: "s")
        }

        func enqueue() async throws -> Transaction {
            let transaction = try Harness.transaction()
            try await queue.enqueue(transaction)
            return transaction
        }

        func status(_ transaction: Transaction) async throws -> TransactionStatus? {
            try await statuses.status(of: transaction.id, userID: 1)
        }

        func expect(
            _ state: TransactionStatus.State?, attempts: Int = 0, _ transaction: Transaction,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let status = try await status(transaction)
            #expect(status?.state == state, sourceLocation: sourceLocation)
            if state != nil {
                #expect(status?.attempts == attempts, sourceLocation: sourceLocation)
            }
        }

        func record(_ transaction: Transaction) -> String {
            "core-api:status:{s}:\(transaction.id)"
        }

        func lifetime(_ transaction: Transaction) async throws -> Int {
            let reply = try await redis.command("TTL", record(transaction))
            guard case .integer(let seconds) = reply else { return -3 }
            return Int(seconds)
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `a transaction that is retried waits and is processed in turns`(kind: RedisServer.Kind)
        async throws
    {
        try await RedisServer.with(kind: kind) { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            // A group that has not received it yet changes nothing.
            let consumer = try await Harness.consumer(redis)
            for attempt in 1...3 {
                let delivery = try await consumer.take()
                try await stream.expect(.processing, attempts: attempt, transaction)
                if attempt == 3 {
                    try await delivery.ack()
                } else if attempt == 2 {
                    await delivery.retry(after: .seconds(3_600))
                    try await stream.expect(.queued, attempts: 2, transaction)
                    #expect((3_500...3_600).contains(try await stream.lifetime(transaction)))
                    // Due now.
                    _ = try await redis.command("ZADD", "s:psp:retry", "0", delivery.entryID)
                } else {
                    await delivery.retry(after: .zero)
                }
            }
            try await stream.expect(.processed, attempts: 3, transaction)
            #expect((3_500...3_600).contains(try await stream.lifetime(transaction)))
            #expect(try await stream.status(transaction)?.createdAt == transaction.createdAt)
            consumer.stop()
        }
    }

    @Test func `after the last attempt it has failed, and put back it is queued again`()
        async throws
    {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            let first = try await Harness.consumer(redis, Harness.options(attemptsMax: 1))
            try await first.take().retry()
            try await stream.expect(.failed, attempts: 1, transaction)
            first.stop()
            for try await _ in first {}
            let letter = try #require(try await Harness.ids(redis, "s:dead").first)
            let letters = try RedisDeadLetterStore(url: redis.url, stream: "s")
            defer { letters.close() }
            #expect(try await letters.perform(.requeue, on: letter))
            try await stream.expect(.queued, attempts: 0, transaction)
            let consumer = try await Harness.consumer(redis)
            let delivery = try await consumer.take()
            #expect(delivery.transaction == transaction)
            try await stream.expect(.processing, attempts: 1, transaction)
            try await delivery.ack()
            try await stream.expect(.processed, attempts: 1, transaction)
        }
    }

    @Test func `put back by a script that writes no status, it is told once it is settled`()
        async throws
    {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            let consumer = try await Harness.consumer(redis)
            try await consumer.take().reject(because: "no")
            try await stream.expect(.failed, attempts: 1, transaction)
            let letter = try #require(try await Harness.deadLetters(redis).first)
            let words = letter.filter { !$0.key.hasPrefix("dead_") }.flatMap { [$0.key, $0.value] }
            _ = try await redis.command(["XADD", "s", "*"] + words)
            try await consumer.take().ack()
            try await stream.expect(.processed, attempts: 1, transaction)
        }
    }

    @Test func `of a consumer that died it is processing, and failed after too many attempts`()
        async throws
    {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            // Delivered to a consumer without a process.
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            _ = try await redis.command(
                "XREADGROUP", "GROUP", "psp", "dead", "STREAMS", "s", ">")
            try await stream.expect(.processing, attempts: 1, transaction)
            let consumer = try await Harness.consumer(
                redis, Harness.options(attemptsMax: 1, visibilitySeconds: 1))
            try await eventually("it is a dead letter") {
                try await Harness.length(redis, "s:dead") == 1
            }
            try await stream.expect(.failed, attempts: 1, transaction)
            consumer.stop()
        }
    }

    @Test func `it is processed once every group has acknowledged it, and failed if one gave up`()
        async throws
    {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let one = try await Harness.consumer(redis, group: "one")
            let two = try await Harness.consumer(redis, group: "two")
            for fails in [false, true] {
                let transaction = try await stream.enqueue()
                let (first, second) = (try await one.take(), try await two.take())
                if fails {
                    await first.reject(because: "no")
                    try await stream.expect(.failed, attempts: 1, transaction)
                } else {
                    try await first.ack()
                    try await stream.expect(.processing, attempts: 1, transaction)
                }
                try await second.ack()
                try await stream.expect(fails ? .failed : .processed, attempts: 1, transaction)
            }
        }
    }

    @Test func `a record that has expired is written anew by the next change`() async throws {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            let consumer = try await Harness.consumer(redis)
            let delivery = try await consumer.take()
            _ = try await redis.command("DEL", stream.record(transaction))
            try await stream.expect(nil, transaction)
            try await delivery.ack()
            try await stream.expect(.processed, attempts: 1, transaction)
            #expect(try await stream.status(transaction)?.amount == transaction.amount)
        }
    }

    @Test func `a status is kept for its seconds, and none without them`() async throws {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis, seconds: 1)
            let transaction = try await stream.enqueue()
            try await eventually("it is not kept any more") {
                try await stream.status(transaction) == nil
            }
            let none = try await Stream(redis, seconds: 0)
            let other = try await none.enqueue()
            #expect(try await redis.texts("KEYS", "core-api:status:*").isEmpty)
            let consumer = try await Harness.consumer(redis)
            try await consumer.process([transaction, other])
            #expect(
                try await redis.texts("KEYS", "core-api:status:*")
                    .allSatisfy { $0 == stream.record(transaction) })
        }
    }

    @Test func `what another connector acknowledges plainly is processed while its entry is there`()
        async throws
    {
        try await RedisServer.with { redis in
            let stream = try await Stream(redis)
            let transaction = try await stream.enqueue()
            let id = try #require(try await Harness.ids(redis).first)
            _ = try await redis.command("XGROUP", "CREATE", "s", "psp", "0")
            try await stream.expect(.queued, transaction)
            _ = try await redis.command("XREADGROUP", "GROUP", "psp", "a", "STREAMS", "s", ">")
            _ = try await redis.command("XACK", "s", "psp", id)
            try await stream.expect(.processed, attempts: 1, transaction)
            // Acknowledged or lost: nobody knows.
            _ = try await redis.command("XDEL", "s", id)
            try await stream.expect(.processing, attempts: 1, transaction)
        }
    }

    @Test func `a consumer without the right to the records goes on, and says what it lacks`()
        async throws
    {
        try await RedisServer.with { redis in
            let (user, rights) = try #require(
                RedisServer.accessRights.first { $0.0 == "stream-consumer" })
            _ = try await redis.command(
                ["ACL", "SETUSER", user, "on", ">pw", "~s", "~s:*"] + rights)
            let stream = try await Stream(redis)
            let transactions = [try await stream.enqueue(), try await stream.enqueue()]
            let consumer = try await TransactionConsumer(
                url: "redis://\(user):pw@127.0.0.1:\(redis.port)", key: "s", group: "psp",
                options: Harness.options())
            try await consumer.take().ack()
            try await consumer.take().reject(because: "no")
            try await stream.expect(.processing, attempts: 1, transactions[0])
            #expect(try await Harness.pending(redis) == 0)
            _ = try await redis.command(["ACL", "SETUSER", user] + RedisServer.statusRights[1])
            let next = try await stream.enqueue()
            try await consumer.take().ack()
            try await stream.expect(.processed, attempts: 1, next)
        }
    }
}
