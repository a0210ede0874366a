import CoreAPIKit
import CoreAPIRedis
import CoreMetrics
import MetricsTestKit
import Testing

/// The metrics of the Kit, as an embedder's backend of swift-metrics receives them.
@Suite(.timeLimit(.minutes(10))) struct QueueMetricsTests {
    private let metrics = TestMetrics()

    private func transaction(_ amount: Int = 100) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(amount)),
            currency: try #require(CurrencyCode("EUR")), userID: 1, createdAt: .now())
    }

    private func enqueues(_ queue: String, _ result: String) -> Int64 {
        metrics.counterTotal(
            label: QueueMetrics.enqueuesLabel, dimensions: [("queue", queue), ("result", result)])
    }

    private func failures(_ queue: String, _ outcome: String, _ reason: String) -> Int64 {
        metrics.counterTotal(
            label: QueueMetrics.failuresLabel,
            dimensions: [("queue", queue), ("outcome", outcome), ("reason", reason)])
    }

    /// One that is new, one that repeats it, one that misuses its key.
    private func useKey(_ queue: some TransactionQueue) async throws {
        // Keys are those of a user, not of a queue.
        let key = try #require(IdempotencyKey("\(type(of: queue))"))
        #expect(try await queue.enqueue(transaction(), idempotencyKey: key) == .enqueued)
        guard case .replayed = try await queue.enqueue(transaction(), idempotencyKey: key) else {
            Issue.record("not replayed")
            return
        }
        await #expect(throws: QueueError.idempotencyKeyReused) {
            _ = try await queue.enqueue(transaction(101), idempotencyKey: key)
        }
    }

    private func expectCounts(_ queue: String) throws {
        #expect(enqueues(queue, "enqueued") == 1)
        #expect(enqueues(queue, "replayed") == 1)
        #expect(failures(queue, "not_enqueued", "idempotency_key_reused") == 1)
        let timer = try metrics.expectTimer(QueueMetrics.durationLabel, [("queue", queue)])
        #expect(timer.values.count == 3)
        #expect(timer.values.allSatisfy { (0..<60_000_000_000).contains($0) })
    }

    private var options: QueueOptions {
        var options = QueueOptions()
        options.metrics = metrics
        return options
    }

    @Test func `a queue records results, reasons and durations`()
        async throws
    {
        let memory = try InMemoryTransactionQueue(capacity: 2, metrics: metrics)
        try await useKey(memory)
        try expectCounts("memory")
        try await memory.enqueue(transaction())
        await #expect(throws: QueueError.full) { try await memory.enqueue(transaction()) }
        #expect(failures("memory", "not_enqueued", "full") == 1)
        try await RedisServer.with { redis in
            let stream = try await StreamTransactionQueue(
                url: redis.url, key: "payments", options: options)
            try await useKey(stream)
            try expectCounts("stream:payments")
            let rq = try await RQTransactionQueue(
                url: redis.url, name: "other", options: options)
            try await useKey(rq)
            try expectCounts("rq:other")
            // Redis's own word for the reason.
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
            await #expect(throws: QueueError.self) { try await rq.enqueue(transaction()) }
            #expect(failures("rq:other", "not_enqueued", "oom") == 1)
        }
    }

    @Test func `a connection to Redis that breaks and comes back is counted`() async throws {
        try await RedisServer.with { redis in
            let queue = try await StreamTransactionQueue(
                url: redis.url, key: "payments", options: options)
            func ready() throws -> Double? {
                try metrics.expectMeter(RedisConnectionMetrics.readyLabel).lastValue
            }
            #expect(try ready() == 1)
            #expect(metrics.counterTotal(label: RedisConnectionMetrics.reconnectsLabel) == 0)
            redis.kill()
            try await eventually("it is lost") { try ready() == 0 }
            try await eventually("it is tried again, in vain") {
                metrics.counterTotal(
                    label: RedisConnectionMetrics.failuresLabel,
                    dimensions: [("reason", "connect_failed")]) > 0
            }
            #expect(
                metrics.counterTotal(
                    label: RedisConnectionMetrics.failuresLabel,
                    dimensions: [("reason", "connection_lost")]) == 1)
            try await redis.start()
            try await eventually("it is back") { try ready() == 1 }
            #expect(metrics.counterTotal(label: RedisConnectionMetrics.reconnectsLabel) == 1)
            let kept = try metrics.expectMeter(RedisConnectionMetrics.connectionsLabel)
            #expect(kept.lastValue == 1)
            queue.close()
            try await eventually("it is closed") { try ready() == 0 && kept.lastValue == 0 }
        }
    }

    @Test func `without a parameter, metrics go to the bootstrapped factory`()
        async throws
    {
        let queue = withMetricsFactory(metrics) { InMemoryTransactionQueue() }
        try await queue.enqueue(transaction())
        #expect(enqueues("memory", "enqueued") == 1)
        // Without a bootstrapped factory, nothing is recorded and nothing fails.
        try await InMemoryTransactionQueue().enqueue(transaction())
        #expect(metrics.counters.map(\.totalValue).reduce(0, +) == 1)
    }
}
