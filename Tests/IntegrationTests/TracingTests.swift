import CoreAPIKit
import InMemoryTracing
import Testing
import Tracing

/// The spans that the Kit makes through swift-distributed-tracing.
@Suite(.timeLimit(.minutes(10))) struct TracingTests {
    private typealias Harness = ConsumerHarness
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private static func transaction(_ parent: TraceParent? = nil) throws -> Transaction {
        let plain = try Harness.transaction()
        return try Transaction(
            id: plain.id, amount: plain.amount, currency: plain.currency, userID: plain.userID,
            createdAt: plain.createdAt, traceParent: parent, traceState: TraceState("caller=1"))
    }

    private static func options(_ tracer: RecordingTracer) -> QueueOptions {
        var options = QueueOptions()
        options.tracer = tracer
        return options
    }

    @Test func `the producer's span continues the caller's trace, and the delivery links to it`()
        async throws
    {
        try await RedisServer.with { redis in
            let tracer = RecordingTracer()
            let queue = try await StreamTransactionQueue(
                url: redis.url, key: "s", options: TracingTests.options(tracer))
            defer { queue.close() }
            let transaction = try TracingTests.transaction(TraceParent(TracingTests.parent))
            try await queue.enqueue(transaction)
            let publish = try #require(tracer.spans(named: "publish s").first)
            #expect(publish.kind == .producer)
            #expect(publish.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(publish.parentSpanID == "00f067aa0ba902b7")
            #expect(publish.status == nil)
            #expect(publish.attributes["messaging.system"]?.toSpanAttribute() == "redis")
            #expect(
                publish.attributes["messaging.message.id"]?.toSpanAttribute()
                    == .string("\(transaction.id)"))

            var consumerOptions = Harness.options()
            consumerOptions.tracer = tracer
            let consumer = try await Harness.consumer(redis, consumerOptions)
            let delivery = try await consumer.take()
            #expect(
                delivery.transaction.traceParent?.description
                    == "00-\(publish.traceID)-\(publish.spanID)-01")
            #expect(delivery.transaction.traceState?.description == "recorder=1")
            #expect(tracer.spans(named: "process s").isEmpty, "it ends with the delivery")
            let context = try #require(delivery.serviceContext)
            ServiceContext.withValue(context) { tracer.withSpan("charge") { _ in } }
            try await delivery.ack()
            try await delivery.ack()
            let processes = tracer.spans(named: "process s")
            let process = try #require(processes.first)
            #expect(processes.count == 1)
            #expect(process.kind == .consumer)
            #expect(process.status == nil)
            #expect(process.links.map(\.context.inMemorySpanContext?.spanID) == [publish.spanID])
            #expect(tracer.spans(named: "charge").first?.parentSpanID == process.spanID)
        }
    }

    @Test func `a task's current span is the parent, rather than the transaction's trace`()
        async throws
    {
        try await RedisServer.with { redis in
            let tracer = RecordingTracer()
            let queue = try await RQTransactionQueue(
                url: redis.url, name: "jobs", options: TracingTests.options(tracer))
            defer { queue.close() }
            let transaction = try TracingTests.transaction(TraceParent(TracingTests.parent))
            try await tracer.withSpan("request") { _ in
                _ = try await queue.enqueue(transaction, idempotencyKey: nil)
            }
            let request = try #require(tracer.spans(named: "request").first)
            let publish = try #require(tracer.spans(named: "publish jobs").first)
            #expect(publish.parentSpanID == request.spanID)
            #expect(publish.traceID == request.traceID)
            let meta = try await redis.command("HGET", "rq:job:\(transaction.id)", "meta")
            guard case .bulk(let meta) = meta else {
                Issue.record("the job has no meta")
                return
            }
            let text = String(decoding: meta, as: UTF8.self)
            #expect(text.contains("00-\(publish.traceID)-\(publish.spanID)-01"))
            #expect(text.contains("recorder=1"))
        }
    }

    @Test func `a refused transaction and a failed delivery are errors in their spans`()
        async throws
    {
        try await RedisServer.with { redis in
            let tracer = RecordingTracer()
            let queue = try await StreamTransactionQueue(
                url: redis.url, key: "s", options: TracingTests.options(tracer))
            let key = IdempotencyKey("k")
            let first = try TracingTests.transaction()
            _ = try await queue.enqueue(first, idempotencyKey: key)
            // A copy of it is answered by the first one's id.
            _ = try await queue.enqueue(TracingTests.transaction(), idempotencyKey: key)
            let other = try Harness.transaction(2)
            await #expect(throws: QueueError.idempotencyKeyReused) {
                _ = try await queue.enqueue(other, idempotencyKey: key)
            }
            let spans = tracer.spans(named: "publish s")
            #expect(spans.map { $0.status?.code == .error } == [false, false, true])
            #expect(
                spans[1].attributes["messaging.message.id"]?.toSpanAttribute()
                    == .string("\(first.id)"))
            #expect(spans[2].errors.first?.error as? QueueError == .idempotencyKeyReused)
            queue.close()

            var options = Harness.options()
            options.tracer = tracer
            let consumer = try await Harness.consumer(redis, options)
            try await consumer.take().retry(because: "later")
            // Released without settling it.
            _ = try await consumer.take()
            try await consumer.take().reject(because: "never")
            try await eventually("three spans") { tracer.spans(named: "process s").count == 3 }
            let messages = tracer.spans(named: "process s").map { $0.status?.message ?? "" }
            #expect(messages == ["later", "released without settling it", "never"])
        }
    }

    @Test func `without a tracer the transaction's own trace goes with it`() async throws {
        try await RedisServer.with { redis in
            let queue = try await StreamTransactionQueue(url: redis.url, key: "s")
            defer { queue.close() }
            let transaction = try TracingTests.transaction(TraceParent(TracingTests.parent))
            try await queue.enqueue(transaction)
            let consumer = try await Harness.consumer(redis)
            let delivery = try await consumer.take()
            #expect(delivery.transaction == transaction)
            #expect(delivery.serviceContext == nil)
            try await delivery.ack()
        }
    }
}
