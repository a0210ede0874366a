internal import CoreAPIBase
internal import CoreAPIRedis

/// Delivers the transactions of a Redis Stream to a PSP connector: one member of a consumer group.
///
///     let consumer = try await TransactionConsumer(
///         url: "redis://127.0.0.1:6379", key: "transactions", group: "psp")
///     for try await delivery in consumer {
///         try await charge(delivery.transaction)
///         try await delivery.ack()
///     }
///
/// Delivery is at least once: each group delivers a transaction to one of its consumers, and again
/// until one acknowledges it. Entries that every group of the stream has acknowledged are removed.
///
/// A consumer reads all partitions of the stream; the members of a group share them all.
///
/// Several tasks may iterate over one consumer; each delivery goes to one of them. The consumer
/// reconnects if Redis is away, restarts or loses its data. The sequence throws lasting errors only
/// (`ConsumerError.refused`).
///
/// The sequence ends after `stop`, or when a task that iterates is cancelled. Handlers finish their
/// deliveries, and deliveries that no handler has taken return to the group at once. The end takes
/// a second or two; if Redis is away, up to 20 s. Releasing the consumer stops it as well.
public final class TransactionConsumer: AsyncSequence, Sendable {
    /// One transaction to settle.
    public typealias Element = Delivery
    /// The error that ends the sequence.
    public typealias Failure = ConsumerError

    fileprivate let engine: ConsumerEngine

    /// Connects to Redis, and creates the group from the stream's first entry on if it is missing;
    /// throws if that fails. Lost connections are opened again automatically.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`,
    ///     `unix://[user[:password]@]/path[?db=N]`, for the master that sentinels know
    ///     `redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME`, for a
    ///     cluster `redis-cluster://[user[:password]@]host[:port][,host[:port]…]`; with TLS
    ///     `rediss://`, `rediss-sentinel://` and `rediss-cluster://`. User, password and path are
    ///     percent-encoded.
    ///   - key: the stream's key, not empty.
    ///   - partitions: how many partitions the stream has, 1 to 1,024: as its queues say. Of a
    ///     cluster 2 or more: `KEY:dead` lies in another slot than a `KEY` without partitions.
    ///   - group: the consumer group, not empty. Its members share the work; use one group for each
    ///     purpose.
    ///   - options: the consumer's name, its limits and times, logger, metrics and TLS.
    /// - Throws: ``ConsumerError/refused(_:)`` for a wrong argument, before it connects, and for
    ///   another number of partitions than Redis has.
    public init(
        url: String, key: String, partitions: Int = 1, group: String,
        options: ConsumerOptions = ConsumerOptions()
    ) async throws(ConsumerError) {
        do throws(ArgumentError) {
            try ArgumentError.check(!key.isEmpty, "key", "a text that is not empty")
            try ArgumentError.check(!group.isEmpty, "group", "a text that is not empty")
            try StreamPartitions.check(partitions)
            try options.check()
        } catch { throw .refused(.argumentInvalid(error)) }
        let target: (url: RedisURL, tls: TLSContext?)
        do { target = try RedisConnection.target(url, options.tls) } catch { throw .refused(error) }
        do throws(ArgumentError) {
            try ArgumentError.check(
                target.url.place.cluster == nil || partitions > 1, "partitions",
                "2 to 1,024 for a Redis Cluster: of a stream without partitions, KEY and KEY:dead "
                    + "lie in different slots. Divide the stream (PARTITIONS), or read it with "
                    + "another client")
        } catch { throw .refused(.argumentInvalid(error)) }
        engine = try await ConsumerEngine(
            url: target.url, StreamPartitions(key: key, count: partitions), group: group,
            options: options, tls: target.tls)
    }

    deinit { engine.stop() }

    /// The name of this consumer in its group.
    public var name: String { engine.options.name }

    /// Ends the sequence after the deliveries in hand. Call it from any thread, as often as you
    /// like; it returns at once.
    public func stop() { engine.stop() }

    /// An iterator for one task. Each iterator gets different deliveries.
    public func makeAsyncIterator() -> Iterator { Iterator(consumer: self) }

    /// Returns deliveries, one after the other.
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
