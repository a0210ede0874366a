internal import Synchronization
public import Tracing

/// One transaction for a handler, which settles it by `ack`, `retry` or `reject`.
///
/// While a handler holds a delivery, no other consumer gets the transaction, for up to
/// `ConsumerOptions.handlingTimeMax`. Releasing a delivery without settling it counts as a failed
/// attempt, like `retry`.
///
/// A transaction can be delivered more than once, for example after a crash between its processing
/// and its acknowledgement. Handlers deduplicate by `transaction.id`, which a PSP accepts as an
/// idempotency key.
public final class Delivery: Sendable {
    /// The transaction, with the trace context of the merchant's request if the request had one
    /// (`traceParent`).
    public let transaction: Transaction
    /// The number of this delivery of the transaction, 1 for the first. Deliveries that never
    /// reached a consumer count too.
    public let attempt: Int
    /// The entry's id in its stream: `1636027031123-0`.
    public let entryID: String
    /// The partition of the stream that the entry is in, from 0.
    public let partition: Int
    /// The context of the delivery's span, `process KEY`, which ends when the delivery is settled;
    /// nil without a tracer. `ServiceContext.withValue` makes a handler's spans its children.
    public let serviceContext: ServiceContext?

    private let serial: ConsumerEngine.Machine.Serial
    private let entry: ConsumerEngine.Machine.Entry
    private let engine: ConsumerEngine
    /// Nil once it has ended.
    private let span: Mutex<(any Span)?>

    init(
        _ serial: ConsumerEngine.Machine.Serial, _ entry: ConsumerEngine.Machine.Entry,
        _ span: (any Span)?, of engine: ConsumerEngine
    ) {
        transaction = entry.transaction
        attempt = entry.name.attempt
        entryID = entry.name.id
        partition = entry.name.partition
        self.serial = serial
        self.entry = entry
        self.engine = engine
        serviceContext = span?.context
        self.span = Mutex(span)
    }

    deinit {
        endSpan(failure: "released without settling it")
        engine.released(serial, entry)
    }

    private func endSpan(failure: String? = nil) {
        guard let span = span.withLock({ $0.take() }) else { return }
        if let failure { span.setStatus(SpanStatus(code: .error, message: failure)) }
        span.end()
    }

    /// Acknowledges the transaction as processed. Returns once Redis has confirmed that it will not
    /// deliver the transaction to this group again.
    ///
    /// If Redis is away, retries for `ConsumerOptions.visibilityTimeout`, then throws: the
    /// transaction is processed, and may be delivered again. On a settled delivery the call has no
    /// effect.
    public func ack() async throws(ConsumerError) {
        do {
            try await engine.acknowledge(serial, entry)
            endSpan()
        } catch {
            endSpan(failure: "not acknowledged: \(error)")
            throw error
        }
    }

    /// Reports a failed attempt: the transaction is delivered again, to any consumer of the group.
    /// After the last of `ConsumerOptions.attemptsMax` attempts it goes to the dead-letter stream.
    ///
    /// If Redis is away, the transaction is delivered again after
    /// `ConsumerOptions.visibilityTimeout`.
    ///
    /// - Parameters:
    ///   - pause: the time until the next attempt, up to a year; nil for a backoff that doubles
    ///     with each attempt, from `ConsumerOptions.retryPauseMin` to `retryPauseMax`.
    ///   - reason: the text for the dead letter, without secrets, at most 1 KiB.
    public func retry(after pause: Duration? = nil, because reason: String = "failed") async {
        await engine.retry(serial, entry, after: pause, reason: reason)
        endSpan(failure: reason)
    }

    /// Moves the transaction to the dead-letter stream at once, if no attempt can succeed.
    ///
    /// If Redis is away, the transaction is delivered again.
    ///
    /// - Parameter reason: the text for the dead letter, without secrets, at most 1 KiB.
    public func reject(because reason: String) async {
        await engine.reject(serial, entry, reason: reason)
        endSpan(failure: reason)
    }
}
