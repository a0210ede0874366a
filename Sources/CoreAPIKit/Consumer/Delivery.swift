/// One transaction for a handler, which is to settle it: `ack`, `retry` or `reject`.
///
/// While a handler holds it, no other consumer gets it, up to `ConsumerOptions.handlingTimeMax`.
/// One that is let go without being settled has failed, as by `retry`.
///
/// A transaction can come more than once: after a crash between its processing and its
/// acknowledgement, for one. The handler makes that harmless by `transaction.id`, which a PSP takes
/// as its own idempotency key.
public final class Delivery: Sendable {
    /// With the trace context of the merchant's request, if it had one (`traceParent`).
    public let transaction: Transaction
    /// Which delivery of the transaction this is, 1 for the first. Those that never arrived count
    /// too.
    public let attempt: Int
    /// The entry's name in the stream: `1636027031123-0`.
    public let entryID: String

    private let serial: ConsumerEngine.Machine.Serial
    private let entry: ConsumerEngine.Machine.Entry
    private let engine: ConsumerEngine

    init(
        _ serial: ConsumerEngine.Machine.Serial, _ entry: ConsumerEngine.Machine.Entry,
        of engine: ConsumerEngine
    ) {
        transaction = entry.transaction
        attempt = entry.name.attempt
        entryID = entry.name.id
        self.serial = serial
        self.entry = entry
        self.engine = engine
    }

    deinit { engine.letGo(serial, entry) }

    /// The transaction is processed. Returns once Redis has confirmed that it does not come again.
    ///
    /// If Redis is away, it tries for `ConsumerOptions.visibilityTimeout`, then throws: the
    /// transaction is processed, and may come again. A delivery that is settled is left alone.
    public func ack() async throws(ConsumerError) {
        try await engine.acknowledge(serial, entry)
    }

    /// The attempt has failed: the transaction comes again, to any consumer of the group. After
    /// the last of `ConsumerOptions.attemptsMax` attempts it goes to the dead-letter stream.
    ///
    /// If Redis is away, it comes again after `ConsumerOptions.visibilityTimeout`.
    ///
    /// - Parameters:
    ///   - pause: how long not, up to a year; nil for a pause that doubles from one attempt to the
    ///     next, by `ConsumerOptions.retryPauseMin` and `retryPauseMax`.
    ///   - reason: for the dead letter: no secret, 1 KiB at most.
    public func retry(after pause: Duration? = nil, because reason: String = "failed") async {
        await engine.retry(serial, entry, after: pause, reason: reason)
    }

    /// No attempt can succeed: the transaction goes to the dead-letter stream at once.
    ///
    /// If Redis is away, the transaction comes again.
    ///
    /// - Parameter reason: no secret, 1 KiB at most.
    public func reject(because reason: String) async {
        await engine.reject(serial, entry, reason: reason)
    }
}
