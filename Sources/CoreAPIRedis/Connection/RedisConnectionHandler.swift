internal import CoreAPIBase
internal import Logging

/// The commands of a connection to Redis: does what `RedisConnectionStateMachine` says, over an
/// `OutgoingConnection`. It lives on its loop's thread.
///
/// Commands gathered during one turn of the loop leave in one write at its end.
final class RedisConnectionHandler: EventHandler, @unchecked Sendable {
    typealias Reply = Result<RedisReply, RedisFailure>
    typealias Waiter = any RedisReplyReceiver

    private let loop: EventLoop
    private var log: RedisOutageLog
    private var machine: RedisConnectionStateMachine<Waiter>
    private var reader = RedisReplyReader()
    private let connection: OutgoingConnection
    private var connectWaiters: [Suspension<RedisError?>] = []
    private var metrics: RedisConnectionMetrics?

    init(
        url: RedisURL, loop: EventLoop, options: RedisConnection.Options, logger: Logger
    ) {
        self.loop = loop
        log = RedisOutageLog(url, logger)
        machine = RedisConnectionStateMachine(
            url: url, limits: options.limits, scripts: options.scripts, barrier: options.barrier,
            isOnDemand: options.isOnDemand, now: .now())
        metrics = RedisConnectionMetrics(options.metrics)
        connection = OutgoingConnection(
            to: url.endpoint.place, tls: url.endpoint.usesTLS ? options.tls : nil, on: loop,
            attemptMilliseconds: options.limits.connectTimeoutMilliseconds,
            backoff: options.limits.backoff)
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

    func submit(_ command: RedisCommand, for task: Suspension<Reply>) {
        if let failure = submit(command, RedisReplyTask(task)) {
            task.resume(returning: .failure(failure))
        }
    }

    /// Returns why the command is not taken; nil if it is, and the waiter will have a reply.
    func submit(_ command: RedisCommand, _ waiter: consuming Waiter) -> RedisFailure? {
        switch machine.submitted(command, waiter, now: loop.now) {
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

    private func resolve(
        _ resolutions: [RedisConnectionStateMachine<Waiter>.Resolution]
    ) {
        for resolution in resolutions {
            resolution.waiter.received(resolution.result)
        }
    }

    // MARK: - Replies

    private func takeReplies() {
        do {
            while let reply = try reader.next() {
                switch machine.received(reply, now: loop.now) {
                case .none: break
                case .flush: becameReady()
                case .resolve(let resolution):
                    answered()
                    resolution.waiter.received(resolution.result)
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

    func connectionReadEnded() { takeReplies() }

    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        loop.bringForward(try machine.flush(send))
    }

    func connectionLost(_ error: OutgoingConnectionError) {
        // A server that wants TLS, or a certificate, ends the connection during the login.
        lost(
            error == .connectionLost && machine.isLoggingIn
                ? .loginUnanswered : RedisError(error))
    }
}
