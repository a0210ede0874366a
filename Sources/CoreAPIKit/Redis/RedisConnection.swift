package import CoreMetrics
package import Logging
internal import Synchronization

/// A connection to Redis that comes back by itself, for callers on any thread.
///
/// Commands are pipelined: many callers wait at once, each for its own replies. The connection ends
/// when the last reference to it is gone, or by `close`.
package final class RedisConnection: Sendable {
    /// What a connection is made with besides the URL.
    package struct Options: Sendable {
        package var limits = RedisLimits()
        /// Loaded at each login, so that commands can call them.
        package var scripts: [RedisScript] = []
        /// What confirms the commands before it; nil if their own replies do.
        package var barrier: RedisBarrier?
        /// Whether it connects only when there is a command for it, and sends none of them again:
        /// for questions, whose answer is of no use later.
        package var isOnDemand = false
        /// Where it tells what Redis said to the last transaction; nil for nowhere.
        package var refusals: QueueRefusals?
        /// What TLS is done with; a URL of `rediss://` needs it, and no other uses it.
        package var tls: TLSContext?
        /// Where the connection, and the queue that has it, record what happens.
        package var metrics: any MetricsFactory

        package init(
            limits: RedisLimits = RedisLimits(), scripts: [RedisScript] = [],
            barrier: RedisBarrier? = nil, isOnDemand: Bool = false,
            refusals: QueueRefusals? = nil, tls: TLSContext? = nil,
            metrics: any MetricsFactory = NOOPMetricsHandler.instance
        ) {
            self.limits = limits
            self.scripts = scripts
            self.barrier = barrier
            self.isOnDemand = isOnDemand
            self.refusals = refusals
            self.tls = tls
            self.metrics = metrics
        }
    }

    private let loop: EventLoop
    private let handler: RedisConnectionHandler
    private let ownsLoop: Bool
    let metrics: any MetricsFactory
    private let url: RedisURL
    private let logger: Logger
    private let refusals: QueueRefusals?
    /// Before this, nobody is told again that Redis refuses.
    private let nextWarning = Mutex(MonotonicTime(nanoseconds: 0))

    private static let warningPauseMilliseconds = 10_000

    /// A connection on a loop that somebody runs. It is opened when the loop's next turn comes;
    /// until then, and while Redis is away, commands wait for it.
    package init(url: RedisURL, on loop: EventLoop, options: Options, logger: Logger) {
        self.loop = loop
        self.url = url
        self.logger = logger
        ownsLoop = false
        metrics = options.metrics
        refusals = options.refusals
        handler = RedisConnectionHandler(url: url, loop: loop, options: options, logger: logger)
        let handler = handler
        loop.submit { handler.start() }
    }

    /// A connection with a loop and thread of its own, once it is ready.
    package init(
        opening url: RedisURL, options: Options = Options(), logger: Logger
    ) async throws(RedisError) {
        let loop: EventLoop
        do {
            loop = try EventLoop()
            try Thread.start { loop.run() }
        } catch {
            throw .connectFailed(error)
        }
        self.loop = loop
        self.url = url
        self.logger = logger
        ownsLoop = true
        metrics = options.metrics
        refusals = options.refusals
        handler = RedisConnectionHandler(url: url, loop: loop, options: options, logger: logger)
        let handler = handler
        loop.submit { handler.start() }
        let error = await Suspension.value { waiter in
            loop.submit { handler.notifyWhenConnected(waiter) }
        }
        if let error { throw error }
    }

    deinit { close() }

    /// Ends the connection for good; who waits is told. It may be called more than once.
    package func close() {
        let (loop, handler, ownsLoop) = (loop, handler, ownsLoop)
        loop.submit {
            handler.close()
            if ownsLoop { loop.stop() }
        }
    }

    /// Whether commands can be sent at once; to be asked on the loop's thread.
    package var isReady: Bool {
        loop.assertCurrent()
        return handler.isReady
    }

    /// Sends the command and returns its reply; an error of Redis is thrown. When the connection
    /// breaks it is sent again, so it must be such that twice has the effect of once.
    package func execute(_ command: RedisCommand) async throws(RedisFailure) -> RedisReply {
        try await reply(to: command).get()
    }

    private func reply(to command: RedisCommand) async -> Result<RedisReply, RedisFailure> {
        await Suspension.value { waiter in
            if loop.isCurrent {
                handler.submit(command, for: waiter)
            } else {
                let handler = handler
                let isTaken = loop.submit { handler.submit(command, for: waiter) }
                // The connection was closed, and its loop is gone.
                if !isTaken { waiter.resume(returning: .failure(.notExecuted(.closed))) }
            }
        }
    }
}

extension RedisConnection {
    /// A connection of its own for a queue of this name, once it is ready.
    convenience init(
        opening url: String, queueName: String, _ script: RedisScript, _ options: TLSOptions,
        _ metrics: any MetricsFactory
    ) async throws(RedisError) {
        do { try QueueNameError.check(queueName) } catch { throw .queueNameInvalid(error) }
        let (parsed, tls) = try RedisConnection.target(url, options)
        try await self.init(
            opening: parsed, options: Options(scripts: [script], tls: tls, metrics: metrics),
            logger: Logger(label: "core-api.redis"))
    }

    /// What an embedder's URL and certificates stand for.
    static func target(
        _ url: String, _ options: TLSOptions
    ) throws(RedisError) -> (url: RedisURL, tls: TLSContext?) {
        let parsed: RedisURL
        do { parsed = try RedisURL(url) } catch { throw .urlInvalid(error) }
        do { return (parsed, try TLSContext.of(parsed, options)) } catch {
            throw .tlsInvalid(error)
        }
    }

    /// Sends the command of a queue, whose script answers 1, or the record that it found.
    func enqueue(
        _ command: RedisCommand, _ record: TransactionRecord, _ metrics: QueueMetrics?
    ) async throws(QueueError) -> EnqueueOutcome {
        let sent = time
        return try await outcome(of: reply(to: command), record, metrics, since: sent).get()
    }

    /// As above, for a caller on the connection's loop.
    func enqueue(
        _ command: RedisCommand, _ pending: PendingTransaction, _ metrics: QueueMetrics?
    ) -> Result<EnqueueOutcome, QueueError>? {
        pending.wasSent(by: self, metrics, at: loop.now)
        return handler.submit(command, .pending(pending)).map { pending.outcome(of: .failure($0)) }
    }

    /// On the loop its own time, which costs nothing.
    private var time: MonotonicTime { loop.isCurrent ? loop.now : .now() }

    /// What the reply to a queue's command means.
    func outcome(
        of reply: Result<RedisReply, RedisFailure>, _ record: @autoclosure () -> TransactionRecord,
        _ metrics: QueueMetrics?, since sent: MonotonicTime
    ) -> Result<EnqueueOutcome, QueueError> {
        let outcome = Result { () throws(QueueError) in try self.outcome(of: reply, record()) }
        metrics?.record(outcome, nanoseconds: time.nanoseconds(since: sent))
        refusals?.record(outcome)
        return outcome
    }

    private func outcome(
        of reply: Result<RedisReply, RedisFailure>, _ record: @autoclosure () -> TransactionRecord
    ) throws(QueueError) -> EnqueueOutcome {
        switch reply {
        case .success(let reply): return try EnqueueOutcome(reply: reply, record())
        case .failure(.notExecuted(let reason)):
            warn(of: reason)
            throw .unavailable(reason)
        case .failure(.mayBeExecuted(let reason)):
            warn(of: reason)
            throw .outcomeUnknown(reason)
        }
    }

    /// Says what Redis does not do for us, such as a command that this user has no right to. The
    /// callers are not told, and it is so for each of them: hence from time to time.
    private func warn(of reason: RedisError) {
        guard case .server(let reply) = reason else { return }
        let isDue = nextWarning.withLock { time in
            let now = MonotonicTime.now()
            guard now >= time else { return false }
            time = now.advanced(byMilliseconds: RedisConnection.warningPauseMilliseconds)
            return true
        }
        guard isDue else { return }
        logger.warning(
            "Redis refuses transactions", metadata: ["redis": "\(url)", "reason": "\(reply)"])
    }
}
