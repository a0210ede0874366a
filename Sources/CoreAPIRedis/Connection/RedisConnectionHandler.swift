internal import CoreAPIBase
internal import CoreMetrics
internal import Logging

/// A connection to Redis: does what its machine says, over an `OutgoingConnection`. It lives on its
/// loop's thread.
///
/// What is submitted during one turn of the loop leaves in one write at its end.
final class RedisConnectionHandler<Machine: RedisResumingMachine>: EventHandler,
    @unchecked Sendable
{
    private let loop: EventLoop
    private var log: RedisOutageLog
    private(set) var machine: Machine
    private var reader = RedisReplyReader()
    private let connection: OutgoingConnection
    private var connectWaiters: [Suspension<RedisError?>] = []
    private var metrics: RedisConnectionMetrics?
    /// Reports what the machine has noticed.
    private let report: (inout Machine) -> Void

    /// - Parameter report: is called after replies and after each end of a connection.
    init(
        _ machine: Machine, url: RedisURL, loop: EventLoop, limits: RedisLimits, tls: TLSContext?,
        metrics: any MetricsFactory, logger: Logger,
        report: @escaping (inout Machine) -> Void = { _ in }
    ) {
        self.machine = machine
        self.report = report
        self.loop = loop
        log = RedisOutageLog(url, logger)
        self.metrics = RedisConnectionMetrics(metrics)
        connection = OutgoingConnection(
            to: url.endpoint.place, tls: url.endpoint.usesTLS ? tls : nil, on: loop,
            attemptMilliseconds: limits.connectTimeoutMilliseconds, backoff: limits.backoff)
    }

    var isReady: Bool { machine.isReady }

    /// Begins to connect, and to come back whenever the connection breaks; on demand, when there is
    /// a command for it.
    func start() {
        metrics?.started()
        loop.addTimed(self)
        connection.isWanted = machine.isWanted
        connection.start(for: self)
    }

    /// Gives the machine something to send. Returns why it is not taken; nil if it is, and the
    /// waiter will be resumed.
    @inline(__always)
    func submit(_ body: (inout Machine, MonotonicTime) -> RedisSubmitAction) -> RedisFailure? {
        switch body(&machine, loop.now) {
        case .flush: connection.requestFlush()
        case .wait:
            connection.isWanted = true
            loop.bringForward(machine.deadline)
        case .reject(let failure): return failure
        }
        return nil
    }

    /// Resumes the waiter once the connection is ready, or with the reason why the next attempt
    /// failed.
    func notifyWhenConnected(_ waiter: Suspension<RedisError?>) {
        if isReady {
            waiter.resume(returning: nil)
        } else {
            connectWaiters.append(waiter)
        }
    }

    func close() {
        metrics?.closed()
        metrics = nil
        resolve(machine.close())
        connection.close()
        loop.removeTimed(self)
        resumeConnectWaiters(.closed)
    }

    private func becameReady() {
        connection.established()
        // With nothing to ask, being let in is the best sign there is.
        if machine.isIdle { connection.succeeded() }
        metrics?.becameReady()
        log.becameReady()
        resumeConnectWaiters(nil)
        connection.requestFlush()
    }

    private func resumeConnectWaiters(_ error: RedisError?) {
        for waiter in connectWaiters { waiter.resume(returning: error) }
        connectWaiters = []
    }

    private func resolve(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions { Machine.resume(resolution) }
    }

    // MARK: - Replies

    private func takeReplies() {
        do {
            while let reply = try reader.next() {
                switch machine.received(reply, now: loop.now) {
                case .none: break
                case .flush: connection.requestFlush()
                case .ready(let resolutions):
                    becameReady()
                    resolve(resolutions)
                case .resolve(let resolution):
                    answered()
                    Machine.resume(resolution)
                case .resolveAll(let resolutions):
                    answered()
                    resolve(resolutions)
                    connection.requestFlush()
                case .fail(let error): return lose(error)
                }
            }
        } catch {
            lose(error)
        }
    }

    private func answered() {
        connection.succeeded()
        if log.isOutage { log.answered() }
    }

    /// Ends the connection for a reason of Redis's own.
    private func lose(_ error: RedisError) {
        connection.end()
        lost(error)
    }

    private func lost(_ error: RedisError) {
        metrics?.lost(error)
        log.lost(error)
        resolve(machine.lost(error, now: loop.now))
        report(&machine)
        connection.isWanted = machine.isWanted
        resumeConnectWaiters(error)
        loop.bringForward(machine.deadline)
    }

    // MARK: - Deadlines

    var deadline: MonotonicTime { machine.deadline }

    func deadlineReached(now: MonotonicTime) {
        let (resolutions, stalls) = machine.deadlineReached(now: now)
        resolve(resolutions)
        if stalls { lose(.timedOut) }
        connection.isWanted = machine.isWanted
    }
}

extension RedisConnectionHandler: OutgoingConnectionOwner {
    func connectionOpened() {
        reader = RedisReplyReader()
        let login = machine.connected(now: loop.now)
        if login.isEmpty { return becameReady() }
        connection.send(login)
    }

    func connectionReceived(_ bytes: Span<UInt8>) { reader.feed(bytes) }

    func connectionReadEnded() {
        takeReplies()
        report(&machine)
    }

    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        loop.bringForward(try machine.flush(now: loop.now, send))
    }

    func connectionLost(_ error: OutgoingConnectionError) {
        // A server that wants TLS, or a certificate, ends the connection during the login.
        lost(
            error == .connectionLost && machine.isLoggingIn
                ? .loginUnanswered : RedisError(error))
    }
}
