internal import CoreAPIBase
internal import Tracing

/// Makes the spans of one queue through swift-distributed-tracing, by OpenTelemetry's semantic
/// conventions for messaging: `publish NAME` for each transaction that is enqueued, `process NAME`
/// for each delivery.
struct TransactionTracer: Sendable {
    /// The name of the queue: `transactions`.
    let destination: String
    /// The tracer of the options; nil for the tracer that the process was bootstrapped with.
    let tracer: (any Tracer)?

    /// The tracer to use; nil if the process has none, so that no span costs anything.
    private var active: (any Tracer)? {
        let active = tracer ?? InstrumentationSystem.tracer
        return active is NoOpTracer ? nil : active
    }

    /// Enqueues a transaction within a span of kind producer. The transaction carries the span's
    /// context, so that a consumer continues it.
    ///
    /// The span's parent is the task's current span, otherwise the transaction's `traceParent`.
    func publish(
        _ transaction: Transaction,
        _ enqueue: (Transaction) async throws(QueueError) -> EnqueueOutcome
    ) async throws(QueueError) -> EnqueueOutcome {
        guard let tracer = active else { return try await enqueue(transaction) }
        let parent = ServiceContext.current ?? context(of: transaction, tracer)
        let span = tracer.startSpan(
            "publish \(destination)", context: parent, ofKind: .producer)
        defer { span.end() }
        describe(span, "publish", "send", transaction)
        do {
            let outcome = try await enqueue(traced(transaction, by: span.context, tracer))
            if case .replayed(let id) = outcome {
                span.attributes["messaging.message.id"] = id.description
            }
            return outcome
        } catch {
            span.recordError(error)
            span.setStatus(SpanStatus(code: .error))
            throw error
        }
    }

    /// A span of kind consumer, from a delivery to its settlement, with a link to the producer's
    /// span; nil if the process has no tracer.
    func process(_ transaction: Transaction, attempt: Int) -> (any Span)? {
        guard let tracer = active else { return nil }
        let span = tracer.startSpan(
            "process \(destination)", context: ServiceContext.current ?? .topLevel,
            ofKind: .consumer)
        describe(span, "process", "process", transaction)
        span.attributes["core_api.attempt"] = attempt
        if transaction.traceParent != nil {
            span.addLink(SpanLink(context: context(of: transaction, tracer), attributes: [:]))
        }
        return span
    }

    private func describe(
        _ span: any Span, _ name: String, _ type: String, _ transaction: Transaction
    ) {
        span.attributes["messaging.system"] = "redis"
        span.attributes["messaging.destination.name"] = destination
        span.attributes["messaging.operation.name"] = name
        span.attributes["messaging.operation.type"] = type
        span.attributes["messaging.message.id"] = transaction.id.description
    }

    // MARK: - Propagation

    /// The context that the transaction carries.
    private func context(of transaction: Transaction, _ tracer: any Tracer) -> ServiceContext {
        var context = ServiceContext.topLevel
        var fields: [String: String] = [:]
        fields[TraceFields.parent] = transaction.traceParent?.description
        fields[TraceFields.state] = transaction.traceState?.description
        if !fields.isEmpty { tracer.extract(fields, into: &context, using: TraceFields()) }
        return context
    }

    /// The transaction with a span's context; unchanged if the tracer does not write W3C Trace
    /// Context.
    private func traced(
        _ transaction: Transaction, by context: ServiceContext, _ tracer: any Tracer
    ) -> Transaction {
        var fields: [String: String] = [:]
        tracer.inject(context, into: &fields, using: TraceFields())
        guard let parent = fields[TraceFields.parent].flatMap({ TraceParent($0) }) else {
            return transaction
        }
        return transaction.traced(parent, fields[TraceFields.state].flatMap { TraceState($0) })
    }
}

/// The fields of W3C Trace Context in a dictionary, by their names in lower case.
private struct TraceFields: Injector, Extractor {
    static let parent = "traceparent"
    static let state = "tracestate"

    func inject(_ value: String, forKey key: String, into fields: inout [String: String]) {
        fields[key.lowercased()] = value
    }

    func extract(key: String, from fields: [String: String]) -> String? {
        fields[key.lowercased()]
    }
}
