internal import CoreAPIBase
internal import CoreAPIRedis

/// The transactions of a Redis Stream, for a PSP connector: one member of a consumer group.
///
///     let consumer = try await TransactionConsumer(
///         url: "redis://127.0.0.1:6379", key: "transactions", group: "psp")
///     for try await delivery in consumer {
///         try await charge(delivery.transaction)
///         try await delivery.ack()
///     }
///
/// Each transaction is given to one consumer of each group, and again until it is acknowledged: at
/// least once. What every group of the stream has acknowledged is removed from it.
///
/// Several tasks may iterate over one consumer, and each delivery goes to one of them. Redis may be
/// away, restart or lose its data: the consumer comes back by itself. The sequence throws only what
/// waiting does not mend (`ConsumerError.refused`).
///
/// The sequence ends by `stop`, and when a task that iterates is cancelled: handlers finish what
/// they hold, and what nobody has taken goes back to the group at once. It ends after a second or
/// two; if Redis is away, after up to 20. Letting go of the consumer stops it as well.
public final class TransactionConsumer: AsyncSequence, Sendable {
    /// What the sequence has.
    public typealias Element = Delivery
    /// What it throws, at its end.
    public typealias Failure = ConsumerError

    fileprivate let engine: ConsumerEngine

    /// Connects to Redis, and makes the group from the stream's first entry on, if it is not there;
    /// throws if that fails. Later the connections come back by themselves.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`, the same with `rediss://` for TLS, or
    ///     `unix://[user[:password]@]/path[?db=N]`; user, password and path percent-encoded.
    ///   - key: the stream, not empty.
    ///   - group: whose members share the work, not empty: one for each purpose.
    ///   - options: the consumer's name, its limits and times, logger, metrics and TLS.
    /// - Throws: ``ConsumerError/refused(_:)`` for a wrong argument, before it connects.
    public init(
        url: String, key: String, group: String, options: ConsumerOptions = ConsumerOptions()
    ) async throws(ConsumerError) {
        do throws(ArgumentError) {
            try ArgumentError.check(!key.isEmpty, "key", "a text that is not empty")
            try ArgumentError.check(!group.isEmpty, "group", "a text that is not empty")
            try options.check()
        } catch { throw .refused(.argumentInvalid(error)) }
        let target: (url: RedisURL, tls: TLSContext?)
        do { target = try RedisConnection.target(url, options.tls) } catch { throw .refused(error) }
        engine = try await ConsumerEngine(
            url: target.url, key: key, group: group, options: options, tls: target.tls)
    }

    deinit { engine.stop() }

    /// The name that this consumer has in its group.
    public var name: String { engine.options.name }

    /// Ends the sequence after what was delivered. From any thread; it returns at once, and may be
    /// called more than once.
    public func stop() { engine.stop() }

    /// An iterator for one task: of several, each gets other deliveries.
    public func makeAsyncIterator() -> Iterator { Iterator(consumer: self) }

    /// The deliveries, one after the other.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        /// Keeps the consumer alive.
        let consumer: TransactionConsumer

        /// The next delivery; nil once the consumer has stopped.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(ConsumerError) -> Delivery? {
            try await consumer.engine.next()
        }
    }
}
