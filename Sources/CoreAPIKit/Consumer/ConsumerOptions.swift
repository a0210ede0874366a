public import CoreAPIBase
public import CoreMetrics
public import Logging

/// How a `TransactionConsumer` works.
public struct ConsumerOptions: Sendable {
    /// Where the consumer and its connections log: by default what the process was bootstrapped
    /// with.
    public var logger = Logger(label: "core-api.consumer")
    /// Where the consumer and its connections record metrics: by default what the process was
    /// bootstrapped with.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    /// Certificates for `rediss://`, if not those of the system.
    public var tls = TLSOptions()
    /// The consumer's name within its group, as `XINFO CONSUMERS` shows it; not `retry`. By default
    /// it is unique: host, process and a random number. Two consumers must not share one.
    public var name = ConsumerOptions.uniqueName()
    /// How many deliveries the consumer holds that are not settled, those that nobody has taken
    /// yet among them: 1 to 1,000.
    public var prefetch = 16
    /// After how many deliveries a transaction that nobody acknowledged goes to the dead-letter
    /// stream: 1 to 1,000.
    public var attemptsMax = 10
    /// A delivery whose consumer has not been heard of for so long is given to another one: 1 s to
    /// 1 h. A consumer that lives keeps what it holds, however long that takes, up to
    /// `handlingTimeMax`.
    public var visibilityTimeout = Duration.seconds(30)
    /// How long a handler may hold a delivery. Then it counts as dead, and the delivery comes again
    /// after `visibilityTimeout`: 1 s to 24 h.
    public var handlingTimeMax = Duration.seconds(900)
    /// The pause after the first attempt that failed; it doubles from one to the next, and half of
    /// it is by chance: 10 ms to `retryPauseMax`.
    public var retryPauseMin = Duration.seconds(2)
    /// The longest pause, up to 24 h.
    public var retryPauseMax = Duration.seconds(600)

    /// The defaults.
    public init() {}

    /// The pause after an attempt, between half of it and the whole.
    ///
    /// - Parameters:
    ///   - attempt: 1 for the first.
    ///   - jitter: 0 to 1.
    func retryPauseMilliseconds(afterAttempt attempt: Int, jitter: Double) -> Int {
        // 2^24 times 10 ms are more than the 24 hours.
        let doubled = retryPauseMin.wholeMilliseconds << min(max(attempt, 1) - 1, 24)
        let pause = Double(min(doubled, retryPauseMax.wholeMilliseconds))
        return Int(pause * (0.5 + jitter / 2))
    }

    /// Throws where an option is out of its bounds.
    func check() throws(ArgumentError) {
        try ArgumentError.check(
            !name.isEmpty && name != ConsumerCommands.retryName, "name",
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
