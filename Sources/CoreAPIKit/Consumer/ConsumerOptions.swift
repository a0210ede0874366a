public import CoreAPIBase
public import CoreMetrics
public import Logging
public import Tracing

/// The options of a `TransactionConsumer`.
public struct ConsumerOptions: Sendable {
    /// The logger of the consumer and its connections. By default it logs to the process's
    /// bootstrapped log handler.
    public var logger = Logger(label: "core-api.consumer")
    /// Receives the metrics of the consumer and its connections. By default the factory that the
    /// process has bootstrapped.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Makes a span for each delivery; nil for the tracer that the process was bootstrapped with.
    public var tracer: (any Tracer)?
    /// Certificates for `rediss://`, if not those of the system.
    public var tls = TLSOptions()
    /// The consumer's name within its group, as `XINFO CONSUMERS` shows it; not `retry`. By default
    /// a unique name of host, process and a random number. Two consumers of a group must not share
    /// a name.
    public var name = ConsumerOptions.uniqueName()
    /// The maximum number of deliveries that are not settled, including those that no handler has
    /// taken yet: 1 to 1,000.
    public var prefetch = 16
    /// The number of deliveries after which a transaction without an acknowledgement goes to the
    /// dead-letter stream: 1 to 1,000.
    public var attemptsMax = 10
    /// The lease of a delivery: another consumer claims it after this time without a sign of life
    /// from its consumer. 1 s to 1 h. A running consumer extends the leases of its deliveries, for
    /// up to `handlingTimeMax` each.
    public var visibilityTimeout = Duration.seconds(30)
    /// How long a handler may hold a delivery: 1 s to 24 h. Afterwards the lease is not extended
    /// any more, and the transaction is delivered again after `visibilityTimeout`.
    public var handlingTimeMax = Duration.seconds(900)
    /// The backoff after the first failed attempt: 10 ms to `retryPauseMax`. It doubles with each
    /// attempt; jitter shortens it by up to half.
    public var retryPauseMin = Duration.seconds(2)
    /// The maximum backoff, up to 24 h.
    public var retryPauseMax = Duration.seconds(600)

    /// The defaults.
    public init() {}

    /// The backoff after a failed attempt.
    ///
    /// - Parameters:
    ///   - attempt: 1 for the first.
    ///   - jitter: 0 for half of the backoff, 1 for all of it.
    func retryPauseMilliseconds(afterAttempt attempt: Int, jitter: Double) -> Int {
        // The shift stops at 2^24: 2^24 times 10 ms exceed the maximum of 24 hours.
        let doubled = retryPauseMin.wholeMilliseconds << min(max(attempt, 1) - 1, 24)
        let pause = Double(min(doubled, retryPauseMax.wholeMilliseconds))
        return Int(pause * (0.5 + jitter / 2))
    }

    /// Throws if an option is out of bounds.
    func check() throws(ArgumentError) {
        try ArgumentError.check(
            !name.isEmpty && name != ConsumerCommands.retryConsumerName, "name",
            "a text that is not empty, and not \"retry\"")
        try ArgumentError.check(1...1_000 ~= prefetch, "prefetch", "1 to 1,000")
        try ArgumentError.check(1...1_000 ~= attemptsMax, "attemptsMax", "1 to 1,000")
        try ArgumentError.check(
            Duration.seconds(1)...(.seconds(3_600)) ~= visibilityTimeout, "visibilityTimeout",
            "1 s to 1 h")
        try ArgumentError.check(
            Duration.seconds(1)...ConsumerOptions.day ~= handlingTimeMax, "handlingTimeMax",
            "1 s to 24 h")
        try ArgumentError.check(
            retryPauseMin <= retryPauseMax && retryPauseMax <= ConsumerOptions.day,
            "retryPauseMax", "retryPauseMin to 24 h")
        try ArgumentError.check(
            Duration.milliseconds(10) <= retryPauseMin, "retryPauseMin",
            "10 ms to retryPauseMax")
    }

    private static let day = Duration.seconds(86_400)

    private static func uniqueName() -> String {
        let number = UInt32.random(in: .min ... .max)
        return "\(ProcessName.host)-\(ProcessName.number)-\(String(number, radix: 16))"
    }
}
