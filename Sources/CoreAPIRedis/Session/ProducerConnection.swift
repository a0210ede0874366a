package import CoreAPIBase
package import CoreMetrics
package import Logging

/// An object that gets the outcome of its message, on the connection's loop.
package protocol ProducerReceiver: AnyObject {
    /// Called exactly once for each message taken.
    func received(_ outcome: Result<ProducerOutcome, RedisFailure>)
}

/// A producer session, or one for each partition of a queue, on a connection to Redis that
/// reconnects after a failure; with a Redis Cluster, on a connection to each of its nodes.
///
/// Messages of one turn of the loop and of one partition leave as one batch. The connection ends
/// when the last reference to it is gone, or by `close`.
package final class ProducerConnection: Sendable {
    /// What a connection is made with besides the URL.
    package struct Options: Sendable {
        package var limits = ProducerLimits()
        /// What confirms a batch besides its reply, if anything does.
        package var barrier: RedisBarrier?
        /// The connection's name in Redis's list of clients; nil for none.
        package var name: RedisClientName?
        /// What TLS is done with; a URL of `rediss://` needs it, and no other uses it.
        package var tls: TLSContext?
        /// Where the connection, and the queue that has it, record what happens.
        package var metrics: any MetricsFactory

        package init(
            limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil,
            name: RedisClientName? = nil,
            tls: TLSContext? = nil, metrics: any MetricsFactory = NOOPMetricsHandler.instance
        ) {
            self.limits = limits
            self.barrier = barrier
            self.name = name
            self.tls = tls
            self.metrics = metrics
        }
    }

    private let loop: EventLoop
    private let handler: Handler

    /// A queue without partitions keeps its own machine, which is cheaper
    /// (docs/decisions/0022-partitions.md).
    private enum Handler {
        case one(ProducerHandler)
        case partitions(PartitionedProducerHandler)
        case cluster(ClusterProducer)
    }

    /// A connection on a running loop. It is opened in the loop's next turn; until then, and while
    /// Redis is away, messages wait for it.
    ///
    /// - Parameters:
    ///   - partitions: of the queue.
    ///   - onLoss: is called on the loop when Redis turns out to have lost what it has
    ///     confirmed.
    package init(
        url: RedisURL, _ partitions: ProducerPartitions, on loop: EventLoop, options: Options,
        logger: Logger, onLoss: @escaping @Sendable (ProducerLosses) -> Void
    ) {
        self.loop = loop
        var options = options
        options.limits = options.limits.forPartitions(partitions.count)
        if let seeds = url.place.cluster {
            let producer = ClusterProducer(
                url: url, seeds, partitions, loop: loop, options: options, logger: logger,
                onLoss: onLoss)
            handler = .cluster(producer)
            loop.submit { producer.start() }
        } else if partitions.count == 1 {
            let handler = ProducerHandler(
                url: url, partitions.call(0), loop: loop, options: options, logger: logger,
                onLoss: onLoss)
            self.handler = .one(handler)
            loop.submit { handler.start() }
        } else {
            let handler = PartitionedProducerHandler(
                url: url, partitions, loop: loop, options: options, logger: logger, onLoss: onLoss)
            self.handler = .partitions(handler)
            loop.submit { handler.start() }
        }
    }

    deinit { close() }

    /// Returns once the connection is ready; throws the reason why the first attempt failed.
    package func ready() async throws(RedisError) {
        switch handler {
        case .one(let handler): try await handler.ready()
        case .partitions(let handler): try await handler.ready()
        case .cluster(let producer): try await producer.ready()
        }
    }

    /// Ends the connection for good; every wait ends. It may be called more than once.
    package func close() {
        switch handler {
        case .one(let handler): loop.submit { handler.close() }
        case .partitions(let handler): loop.submit { handler.close() }
        case .cluster(let producer): loop.submit { producer.close() }
        }
    }

    /// Uses another login and other certificates for the next connection. Any thread may call it.
    package func adopt(_ target: RedisTarget) {
        switch handler {
        case .one(let handler): loop.submit { handler.adopt(target) }
        case .partitions(let handler): loop.submit { handler.adopt(target) }
        case .cluster(let producer): loop.submit { producer.adopt(target) }
        }
    }

    /// Makes the connection anew, or those to a cluster's nodes one after the other: Redis answers
    /// what was sent, and what is submitted meanwhile waits. The session goes on.
    ///
    /// - Returns: why the first attempt failed; nil once the new connection is ready.
    package func renew() async -> RedisError? {
        switch handler {
        case .one(let handler): await handler.renewed()
        case .partitions(let handler): await handler.renewed()
        case .cluster(let producer): await producer.renewed()
        }
    }

    /// Whether messages can be sent at once, or after a renewal; to be asked on the loop's thread.
    package var isReady: Bool {
        loop.assertCurrent()
        return switch handler {
        case .one(let handler): handler.isServing
        case .partitions(let handler): handler.isServing
        case .cluster(let producer): producer.isReady
        }
    }

    /// The time of the loop's turn; to be asked on the loop's thread.
    package var time: MonotonicTime { loop.now }

    /// Runs the action on the loop's thread, at once if that is the caller's.
    ///
    /// - Returns: false if the loop is gone: then nothing runs.
    package func onLoop(_ action: @escaping @Sendable () -> Void) -> Bool {
        guard loop.isCurrent else { return loop.submit(action) }
        action()
        return true
    }

    /// Takes a message of a caller on the connection's loop: see `ProducerSession.submit`.
    ///
    /// - Parameter partition: from 0; 0 of a queue without partitions.
    /// - Returns: the reason why it is not taken; nil if it is, and the receiver is called later.
    @inline(__always)
    package func submit(
        for receiver: any ProducerReceiver, partition: Int, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisFailure? {
        switch handler {
        case .one(let handler):
            handler.submit { machine, now in
                machine.submit(receiver, now: now, traits, keys: addKeys, words: addWords)
            }
        case .partitions(let handler):
            handler.submit { machine, now in
                machine.submit(
                    receiver, partition: partition, now: now, traits, keys: addKeys,
                    words: addWords)
            }
        case .cluster(let producer):
            producer.submit(partition: partition) { machine, now in
                machine.submit(
                    receiver, partition: partition, now: now, traits, keys: addKeys,
                    words: addWords)
            }
        }
    }
}

/// The handler of a producer's connection.
private final class ProducerHandler: ReportingProducerHandler, @unchecked Sendable {
    let parts: RedisConnectionParts<ProducerStateMachine<any ProducerReceiver>>
    let onLoss: @Sendable (ProducerLosses) -> Void

    init(
        url: RedisURL, _ call: ProducerCall, loop: EventLoop, options: ProducerConnection.Options,
        logger: Logger, onLoss: @escaping @Sendable (ProducerLosses) -> Void
    ) {
        let limits = RedisLimits()
        let machine = ProducerStateMachine<any ProducerReceiver>(
            url: url, name: options.name, call, limits: options.limits,
            replyTimeoutMilliseconds: limits.replyTimeoutMilliseconds, barrier: options.barrier,
            now: .now())
        parts = RedisConnectionParts(
            machine, url: url, loop: loop, limits: limits, tls: options.tls,
            metrics: options.metrics, logger: logger)
        self.onLoss = onLoss
    }
}

/// The handler of a producer's connection with a session for each partition.
private final class PartitionedProducerHandler: ReportingProducerHandler, @unchecked Sendable {
    let parts: RedisConnectionParts<PartitionedProducerMachine<any ProducerReceiver>>
    let onLoss: @Sendable (ProducerLosses) -> Void

    init(
        url: RedisURL, _ partitions: ProducerPartitions, loop: EventLoop,
        options: ProducerConnection.Options, logger: Logger,
        onLoss: @escaping @Sendable (ProducerLosses) -> Void
    ) {
        let limits = RedisLimits()
        let machine = PartitionedProducerMachine<any ProducerReceiver>(
            url: url, name: options.name, partitions, limits: options.limits,
            replyTimeoutMilliseconds: limits.replyTimeoutMilliseconds, barrier: options.barrier,
            now: .now())
        parts = RedisConnectionParts(
            machine, url: url, loop: loop, limits: limits, tls: options.tls,
            metrics: options.metrics, logger: logger)
        self.onLoss = onLoss
    }
}
