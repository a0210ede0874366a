package import CoreAPIBase
package import CoreMetrics
package import Logging

/// A connection to Redis that reconnects after a failure. Any thread may use it.
///
/// Commands are pipelined: many callers wait at the same time, each for its own reply. The
/// connection ends by `close`, or when its last reference is released.
package final class RedisConnection: Sendable {
    /// What gets the reply to a command, or the failure. It is resumed exactly once.
    enum Waiter: Sendable {
        case task(Suspension<Result<RedisReply, RedisFailure>>)
        /// Is called on the loop's thread: for many commands at once, of which none needs a task.
        case callback(@Sendable (Result<RedisReply, RedisFailure>) -> Void)

        func resume(returning result: Result<RedisReply, RedisFailure>) {
            switch self {
            case .task(let suspension): suspension.resume(returning: result)
            case .callback(let body): body(result)
            }
        }
    }

    /// The options of a connection, besides its URL.
    package struct Options: Sendable {
        package var limits = RedisLimits()
        /// The scripts to load at each login.
        package var scripts: [RedisScript] = []
        /// Whether the connection connects only for a pending command and never sends a command
        /// again: for probes, whose late reply would be useless.
        package var isOnDemand = false
        /// Whether the server is a node of a cluster, whose redirections are for the caller.
        var isNode = false
        /// Is called on the loop's thread while there is no connection: once it is lost, and after
        /// each attempt.
        var onOutage: (@Sendable () -> Void)?
        /// The connection's name in Redis's list of clients; nil for none.
        package var name: RedisClientName?
        /// The TLS context of a `rediss://` URL; nil for other URLs.
        package var tls: TLSContext?
        /// The metrics backend of the connection.
        package var metrics: any MetricsFactory

        package init(
            limits: RedisLimits = RedisLimits(), scripts: [RedisScript] = [],
            isOnDemand: Bool = false, name: RedisClientName? = nil, tls: TLSContext? = nil,
            metrics: any MetricsFactory = NOOPMetricsHandler.instance
        ) {
            self.limits = limits
            self.scripts = scripts
            self.isOnDemand = isOnDemand
            self.name = name
            self.tls = tls
            self.metrics = metrics
        }
    }

    private let loop: EventLoop
    private let handler: RedisCommandHandler

    /// Creates a connection on a loop that the caller runs. The connection opens in the loop's next
    /// turn. Until then, and while Redis is unreachable, commands wait.
    package init(url: RedisURL, on loop: EventLoop, options: Options, logger: Logger) {
        self.loop = loop
        handler = RedisCommandHandler(url: url, loop: loop, options: options, logger: logger)
        let handler = handler
        loop.submit { handler.start() }
    }

    /// Opens a connection on the loop that all embedders' connections share, and waits until it is
    /// ready.
    package convenience init(
        opening url: RedisURL, options: Options = Options(), logger: Logger
    ) async throws(RedisError) {
        let loop: EventLoop
        do { loop = try SharedEventLoop.running() } catch { throw .connectFailed(error) }
        self.init(url: url, on: loop, options: options, logger: logger)
        try await handler.ready()
    }

    deinit { close() }

    /// Closes the connection and fails the pending commands. Repeated calls have no effect.
    package func close() {
        let handler = handler
        loop.submit { handler.close() }
    }

    /// Uses another login and other certificates, for a connection that is made anew once Redis has
    /// answered the commands that were sent. Any thread may call it.
    package func renew(_ target: RedisTarget) {
        let handler = handler
        loop.submit {
            handler.adopt(target)
            handler.renew(nil)
        }
    }

    /// Whether commands can be sent at once. Only the loop's thread may read it.
    package var isReady: Bool {
        loop.assertCurrent()
        return handler.isReady
    }

    /// Sends the command and returns its reply; throws an error reply. The command is sent again
    /// after the connection breaks, so it must be idempotent.
    package func execute(_ command: RedisCommand) async throws(RedisFailure) -> RedisReply {
        try await reply(to: command).get()
    }

    /// Sends the command and returns its reply or the failure: see `execute`.
    package func reply(to command: RedisCommand) async -> Result<RedisReply, RedisFailure> {
        await Suspension.value { suspension in
            let waiter = Waiter.task(suspension)
            if loop.isCurrent {
                RedisConnection.submit(command, to: handler, for: waiter)
            } else {
                let handler = handler
                let isTaken = loop.submit {
                    RedisConnection.submit(command, to: handler, for: waiter)
                }
                // The loop has ended, so the connection is closed.
                if !isTaken { waiter.resume(returning: .failure(.notExecuted(.closed))) }
            }
        }
    }

    /// Sends the command and calls back with its reply or the failure. Only the loop's thread may
    /// call it.
    func submit(
        _ command: RedisCommand,
        _ body: @escaping @Sendable (Result<RedisReply, RedisFailure>) -> Void
    ) {
        loop.assertCurrent()
        RedisConnection.submit(command, to: handler, for: .callback(body))
    }

    private static func submit(
        _ command: RedisCommand, to handler: RedisCommandHandler,
        for waiter: Waiter
    ) {
        let failure = handler.submit { $0.submitted(command, waiter, now: $1) }
        if let failure { waiter.resume(returning: .failure(failure)) }
    }
}

/// The handler of a connection for commands.
private final class RedisCommandHandler: RedisConnectionHandler, @unchecked Sendable {
    let parts: RedisConnectionParts<RedisConnectionStateMachine<RedisConnection.Waiter>>
    private let onOutage: (@Sendable () -> Void)?

    init(url: RedisURL, loop: EventLoop, options: RedisConnection.Options, logger: Logger) {
        onOutage = options.onOutage
        let machine = RedisConnectionStateMachine<RedisConnection.Waiter>(
            url: url, name: options.name, limits: options.limits, scripts: options.scripts,
            isOnDemand: options.isOnDemand, isNode: options.isNode, now: .now())
        parts = RedisConnectionParts(
            machine, url: url, loop: loop, limits: options.limits, tls: options.tls,
            metrics: options.metrics, logger: logger)
    }

    func resume(_ resolution: RedisConnectionStateMachine<RedisConnection.Waiter>.Resolution) {
        resolution.waiter.resume(returning: resolution.result)
    }

    func report() {
        if let onOutage, !isReady { onOutage() }
    }
}

extension RedisConnection {
    /// The parsed URL and the TLS context of an embedder's options.
    package static func target(
        _ url: String, _ options: TLSOptions
    ) throws(RedisError) -> (url: RedisURL, tls: TLSContext?) {
        let parsed: RedisURL
        do { parsed = try RedisURL(url) } catch { throw .urlInvalid(error) }
        do { return (parsed, try TLSContext.of(parsed, options)) } catch {
            throw .tlsInvalid(error)
        }
    }
}
