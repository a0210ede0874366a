import InMemoryTracing
import Tracing

/// A tracer that keeps its spans in memory, and writes and reads W3C Trace Context.
struct RecordingTracer: Tracer {
    private let base = InMemoryTracer(
        idGenerator: .init(
            nextTraceID: { RecordingTracer.digits(.random(in: 1...UInt64.max), 32) },
            nextSpanID: { RecordingTracer.digits(.random(in: 1...UInt64.max), 16) }))

    /// The spans that have ended, in this order.
    var spans: [FinishedInMemorySpan] { base.finishedSpans }

    func spans(named name: String) -> [FinishedInMemorySpan] {
        spans.filter { $0.operationName == name }
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext,
        ofKind kind: SpanKind, at instant: @autoclosure () -> Instant, function: String,
        file fileID: String, line: UInt
    ) -> InMemorySpan {
        base.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function,
            file: fileID, line: line)
    }

    func forceFlush() {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-")
        guard let parts, parts.count == 4 else { return }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject(
            "00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        injector.inject("recorder=1", forKey: "tracestate", into: &carrier)
    }

    private static func digits(_ number: UInt64, _ count: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: count - digits.count) + digits
    }
}
