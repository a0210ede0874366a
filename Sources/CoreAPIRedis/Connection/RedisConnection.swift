package import CoreAPIBase
package import CoreMetrics
package import Logging

/// A connection to Redis that comes back by itself, for callers on any thread.
///
/// Commands are pipelined: many callers wait at once, each for its own replies. The connection ends
/// when the last reference to it is gone, or by `close`.
package final class RedisConnection: Sendable {
    /// A task that waits for a reply.
    typealias Waiter = Suspension<Result<RedisReply, RedisFailure>>

    /// What a connection is made with besides the URL.
    package struct Options: Sendable {
        package var limits = RedisLimits()
        /// Loaded at each login, so that commands can call them.
        package var scripts: [RedisScript] = []
        /// Whether it connects only when there is a command for it, and sends none of them again:
        /// for questions, whose answer is of no use later.
        package var isOnDemand = false
        /// What TLS is done with; a URL of `rediss://` needs it, and no other uses it.
        package var tls: TLSContext?
        /// Where the connection records what happens.
        package var metrics: any MetricsFactory

        package init(
            limits: RedisLimits = RedisLimits(), scripts: [RedisScript] = [],
            isOnDemand: Bool = false, tls: TLSContext? = nil,
            metrics: any MetricsFactory = NOOPMetricsHandler.instance
        ) {
            self.limits = limits
            self.scripts = scripts
            self.isOnDemand = isOnDemand
            self.tls = tls
            self.metrics = metrics
        }
    }

    private let loop: EventLoop
    private let handler: RedisCommandHandler

    /// A connection on a loop that somebody runs. It is opened when the loop's next turn comes;
    /// until then, and while Redis is away, commands wait for it.
    package init(url: RedisURL, on loop: EventLoop, options: Options, logger: Logger) {
        self.loop = loop
        handler = RedisCommandHandler(url: url, loop: loop, options: options, logger: logger)
        let handler = handler
        loop.submit { handler.start() }
    }

    /// A connection on the loop that all embedders' connections share, once it is ready.
    package convenience init(
        opening url: RedisURL, options: Options = Options(), logger: Logger
    ) async throws(RedisError) {
        let loop: EventLoop
        do { loop = try SharedEventLoop.running() } catch { throw .connectFailed(error) }
        self.init(url: url, on: loop, options: options, logger: logger)
        let handler = handler
        let error = await Suspension.value { waiter in
            loop.submit { handler.notifyWhenConnected(waiter) }
        }
        if let error { throw error }
    }

    deinit { close() }

    /// Ends the connection for good; who waits is told. It may be called more than once.
    package func close() {
        let handler = handler
        loop.submit { handler.close() }
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

    /// As `execute`, with the failure as a value.
    package func reply(to command: RedisCommand) async -> Result<RedisReply, RedisFailure> {
        await Suspension.value { waiter in
            if loop.isCurrent {
                RedisConnection.submit(command, to: handler, for: waiter)
            } else {
                let handler = handler
                let isTaken = loop.submit {
                    RedisConnection.submit(command, to: handler, for: waiter)
                }
                // The connection was closed, and its loop is gone.
                if !isTaken { waiter.resume(returning: .failure(.notExecuted(.closed))) }
            }
        }
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

    init(url: RedisURL, loop: EventLoop, options: RedisConnection.Options, logger: Logger) {
        let machine = RedisConnectionStateMachine<RedisConnection.Waiter>(
            url: url, limits: options.limits, scripts: options.scripts,
            isOnDemand: options.isOnDemand, now: .now())
        parts = RedisConnectionParts(
            machine, url: url, loop: loop, limits: options.limits, tls: options.tls,
            metrics: options.metrics, logger: logger)
    }

    func resume(_ resolution: RedisConnectionStateMachine<RedisConnection.Waiter>.Resolution) {
        resolution.waiter.resume(returning: resolution.result)
    }

    func report() {}
}

extension RedisConnection {
    /// What an embedder's URL and certificates stand for.
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
