import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The rules of `TransactionStatusStore`, on every implementation.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatusContractTests {
    typealias Kind = QueueContractTests.Kind

    /// A queue that keeps statuses, and a connector of it that the test leads.
    private struct Subject {
        let queue: any TransactionQueue
        let statuses: any TransactionStatusStore
        /// The connector takes the next transaction.
        let take: () async throws -> Void
        /// The connector settles the one that it has: true if it is processed.
        let settle: (Bool) async throws -> Void
    }

    private func with(_ kind: Kind, _ body: (Subject) async throws -> Void) async throws {
        if kind == .memory { return try await withMemory(body) }
        try await RedisServer.with { redis in
            var options = QueueOptions()
            options.statusSeconds = 3_600
            if kind == .rq { return try await withJobs(redis, options, body) }
            let partitions = kind.partitions("s").count
            let held = Held<(TransactionConsumer, Delivery)>()
            try await body(
                Subject(
                    queue: try await StreamTransactionQueue(
                        url: redis.url, key: "s", partitions: partitions, options: options),
                    statuses: try RedisTransactionStatusStore(
                        url: redis.url, stream: "s", partitions: partitions),
                    take: {
                        let consumer = try await TransactionConsumer(
                            url: redis.url, key: "s", partitions: partitions, group: "psp",
                            options: ConsumerHarness.options(prefetch: 1))
                        held.value = (consumer, try await consumer.take())
                    },
                    settle: { succeeds in
                        let (consumer, delivery) = try #require(held.value)
                        if succeeds {
                            try await delivery.ack()
                        } else {
                            await delivery.reject(because: "no")
                        }
                        // It reads nothing that is enqueued later.
                        consumer.stop()
                        for try await _ in consumer {}
                        held.value = nil
                    }))
        }
    }

    private final class Held<Value: Sendable>: @unchecked Sendable {
        var value: Value?
    }

    private func withMemory(_ body: (Subject) async throws -> Void) async throws {
        let queue = try InMemoryTransactionQueue(capacity: 100, statusSeconds: 3_600)
        let held = Held<Transaction>()
        try await body(
            Subject(
                queue: queue, statuses: queue, take: { held.value = queue.take() },
                settle: { succeeds in
                    let transaction = try #require(held.value)
                    if succeeds {
                        queue.acknowledge(transaction)
                    } else {
                        queue.reject(transaction)
                    }
                }))
    }

    private func withJobs(
        _ redis: RedisServer, _ options: QueueOptions, _ body: (Subject) async throws -> Void
    ) async throws {
        let worker = Held<StatusWorker>()
        try await body(
            Subject(
                queue: try await RQTransactionQueue(url: redis.url, options: options),
                statuses: try RedisTransactionStatusStore(url: redis.url, rqQueue: "default"),
                take: {
                    worker.value = try StatusWorker("rq-newest", redis)
                    try await worker.value?.begins()
                },
                settle: { succeeds in
                    try await worker.value?.say(succeeds ? .succeed : .fail)
                    try await eventually("the job has ended") {
                        try await redis.command("ZCARD", "rq:wip:default") == .integer(0)
                    }
                    // It takes nothing that is enqueued later.
                    worker.value = nil
                }))
    }

    private func transaction(user: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(1_234)),
            currency: try #require(CurrencyCode("EUR")), userID: user,
            createdAt: UnixTime(seconds: UnixTime.now().wholeSeconds))
    }

    /// Waits for a state: that of a job changes after its function has returned.
    private func expect(
        _ state: TransactionStatus.State, attempts: Int, _ transaction: Transaction,
        _ subject: Subject
    ) async throws {
        try await eventually("it is \(state)") {
            try await subject.statuses.status(of: transaction.id, userID: 1)?.state == state
        }
        let status = try #require(
            try await subject.statuses.status(of: transaction.id, userID: 1))
        #expect(status.id == transaction.id && status.attempts == attempts)
        #expect(status.amount == transaction.amount && status.currency == transaction.currency)
        #expect(status.userID == 1 && status.createdAt == transaction.createdAt)
        #expect(status.updatedAt >= status.createdAt)
        #expect(status.updatedAt.wholeSeconds < UnixTime.now().wholeSeconds + 60)
        if state == .queued, attempts == 0 { #expect(status.updatedAt == status.createdAt) }
    }

    @Test(arguments: Kind.allCases)
    func `a transaction is queued, processing, and then processed or failed`(kind: Kind)
        async throws
    {
        try await with(kind) { subject in
            for succeeds in [true, false] {
                let transaction = try transaction()
                try await subject.queue.enqueue(transaction)
                try await expect(.queued, attempts: 0, transaction, subject)
                try await subject.take()
                try await expect(.processing, attempts: 1, transaction, subject)
                try await subject.settle(succeeds)
                try await expect(
                    succeeds ? .processed : .failed, attempts: 1, transaction, subject)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `another user's transaction is as unknown as one that never was`(kind: Kind) async throws {
        try await with(kind) { subject in
            let transaction = try transaction()
            try await subject.queue.enqueue(transaction)
            for user in [0, 2, 8, 12, 9_007_199_254_740_991] {
                #expect(
                    try await subject.statuses.status(of: transaction.id, userID: user) == nil)
            }
            #expect(try await subject.statuses.status(of: .random(), userID: 1) == nil)
            #expect(try await subject.statuses.status(of: transaction.id, userID: 1) != nil)
        }
    }

    @Test(arguments: Kind.allCases)
    func `once it is enqueued, the status of each of many is known`(kind: Kind) async throws {
        try await with(kind) { subject in
            let (queue, statuses) = (subject.queue, subject.statuses)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    let transaction = try transaction(user: number)
                    group.addTask {
                        try await queue.enqueue(transaction)
                        let status = try await statuses.status(of: transaction.id, userID: number)
                        #expect(status?.state == .queued)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `a replay leaves the status of the first one, and has none itself`(kind: Kind)
        async throws
    {
        try await with(kind) { subject in
            let (first, again) = (try transaction(), try transaction())
            let key = IdempotencyKey("k")
            #expect(try await subject.queue.enqueue(first, idempotencyKey: key) == .enqueued)
            try await subject.take()
            #expect(
                try await subject.queue.enqueue(again, idempotencyKey: key) == .replayed(first.id))
            try await expect(.processing, attempts: 1, first, subject)
            #expect(try await subject.statuses.status(of: again.id, userID: 1) == nil)
        }
    }
}
