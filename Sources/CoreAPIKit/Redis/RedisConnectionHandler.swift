internal import Logging

/// The socket of a connection to Redis: does what `RedisConnectionStateMachine` says. It lives on
/// its loop's thread.
///
/// Commands gathered during one turn of the loop leave in one write at its end.
final class RedisConnectionHandler: EventHandler, @unchecked Sendable {
    typealias Reply = Result<RedisReply, RedisFailure>

    private let loop: EventLoop
    private let url: RedisURL
    private let logger: Logger
    private var machine: RedisConnectionStateMachine<Suspension<Reply>>
    private var reader = RedisReplyReader()
    private var socket: Socket?
    private var isConnecting = false
    /// The addresses that this attempt has not tried.
    private var addresses: ArraySlice<SocketAddress> = []
    /// How many attempts there have been.
    private var attempt = 0
    /// Whether a resolver's thread is under way: there is one at most.
    private var isResolving = false
    private var asksForFlush = false
    private var connectWaiters: [Suspension<RedisError?>] = []
    /// The error that was logged last: an outage is logged once, not at each attempt.
    private var loggedError: RedisError?
    private var metrics: RedisConnectionMetrics?

    init(
        url: RedisURL, loop: EventLoop, options: RedisConnection.Options, logger: Logger
    ) {
        self.url = url
        self.loop = loop
        self.logger = logger
        machine = RedisConnectionStateMachine(
            url: url, limits: options.limits, scripts: options.scripts, barrier: options.barrier,
            now: .now())
        metrics = RedisConnectionMetrics(options.metrics)
    }

    var isReady: Bool { machine.isReady }

    /// Begins to connect, and to come back whenever the connection breaks.
    func start() {
        metrics?.started()
        loop.addTimed(self)
        connect()
    }

    func submit(_ command: RedisCommand, _ waiter: Suspension<Reply>) {
        switch machine.submitted(command, waiter, now: loop.now) {
        case .flush: requestFlush()
        case .wait: loop.bringForward(machine.deadline)
        case .reject(let failure): waiter.resume(returning: .failure(failure))
        }
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
        closeSocket()
        loop.removeTimed(self)
        tellConnectWaiters(.closed)
    }

    // MARK: - Connecting

    private func connect() {
        machine.connectStarted(now: loop.now)
        attempt += 1
        if let numeric = try? SocketAddress.resolve(
            host: url.host, port: url.port, numericOnly: true)
        {
            resolved(.success(numeric))
        } else if !isResolving {
            resolveName()
        }
        loop.bringForward(machine.deadline)
    }

    /// Asks the resolver on a thread of its own, since it blocks. If it takes longer than the
    /// attempt may, its answer serves the attempt that is under way then.
    private func resolveName() {
        let (loop, url) = (loop, url)
        isResolving = true
        do {
            try Thread.start { [weak self] in
                let addresses = Result { () throws(ResolveError) in
                    try SocketAddress.resolve(host: url.host, port: url.port, numericOnly: false)
                }
                loop.submit {
                    self?.isResolving = false
                    self?.resolved(addresses)
                }
            }
        } catch {
            isResolving = false
            lost(.connectFailed(error))
        }
    }

    private func resolved(_ result: Result<[SocketAddress], ResolveError>) {
        guard machine.isConnecting, socket == nil else { return }
        switch result {
        case .success(let addresses):
            // Each attempt begins with another address: one that swallows every packet would use
            // up the whole time of an attempt.
            let first = attempt % addresses.count
            self.addresses = addresses[first...] + addresses[..<first]
            connectToNextAddress(after: .connectionLost)
        case .failure(let error):
            lost(.hostNotFound("\(error.host): \(error.reason)"))
        }
    }

    private func connectToNextAddress(after error: RedisError) {
        guard let address = addresses.popFirst() else { return lost(error) }
        do {
            let socket = try Socket.connecting(to: address)
            try loop.register(self, for: socket)
            self.socket = consume socket
            isConnecting = true
        } catch {
            connectToNextAddress(after: .connectFailed(error))
        }
    }

    /// The kernel has decided on the connection.
    private func finishConnecting() throws(SystemError) {
        if let error = try socket?.takeError() {
            closeSocket()
            connectToNextAddress(after: .connectFailed(error))
            return
        }
        isConnecting = false
        reader = RedisReplyReader()
        let login = machine.connected(now: loop.now)
        if login.isEmpty { return becameReady() }
        // A new socket's buffer has room for the few bytes of a login.
        guard try socket?.send(login, from: 0) == login.count else {
            return lost(.connectionLost)
        }
    }

    private func becameReady() {
        metrics?.becameReady()
        // A Redis that lets us in and refuses to work has not come back.
        if case .server? = loggedError {} else { logConnected() }
        tellConnectWaiters(nil)
        requestFlush()
    }

    /// Redis works: an outage during which it let us in and refused is over.
    private func hasAnswered() {
        if loggedError != nil { logConnected() }
    }

    private func logConnected() {
        logger.info("connected to Redis", metadata: ["redis": "\(url)"])
        loggedError = nil
    }

    private func tellConnectWaiters(_ error: RedisError?) {
        for waiter in connectWaiters { waiter.resume(returning: error) }
        connectWaiters = []
    }

    // MARK: - Ends

    private func lost(_ error: RedisError) {
        closeSocket()
        metrics?.lost(error)
        if loggedError != error {
            logger.warning(
                "no connection to Redis", metadata: ["redis": "\(url)", "reason": "\(error)"])
            loggedError = error
        }
        resolve(machine.lost(error, now: loop.now, jitter: .random(in: 0...1)))
        tellConnectWaiters(error)
        loop.bringForward(machine.deadline)
    }

    private func closeSocket() {
        if let socket = socket.take() { loop.unregister(socket) }
        isConnecting = false
    }

    private func resolve(
        _ resolutions: [RedisConnectionStateMachine<Suspension<Reply>>.Resolution]
    ) {
        for resolution in resolutions {
            resolution.waiter.resume(returning: resolution.result)
        }
    }

    // MARK: - Events

    func ready(_ readiness: SocketReadiness) {
        do {
            if isConnecting {
                guard readiness.contains(.writable) else { return }
                try finishConnecting()
            }
            if readiness.contains(.readable) { try read(hasEnded: readiness.contains(.ended)) }
            if readiness.contains(.writable) { requestFlush() }
        } catch {
            lost(.connectionLost)
        }
    }

    private func read(hasEnded: Bool) throws(SystemError) {
        while socket != nil, !isConnecting {
            let reader = reader
            guard let count = try socket?.read(on: loop, { reader.feed($0) }) ?? nil else { return }
            if count == 0 { return lost(.connectionLost) }
            takeReplies(from: reader)
            if count < EventLoop.readBytesMax, !hasEnded { return }
        }
    }

    private func takeReplies(from reader: RedisReplyReader) {
        do {
            while let reply = try reader.next() {
                switch machine.received(reply, now: loop.now) {
                case .none: break
                case .flush: becameReady()
                case .resolve(let resolution):
                    hasAnswered()
                    resolution.waiter.resume(returning: resolution.result)
                case .resolveAll(let resolutions):
                    hasAnswered()
                    resolve(resolutions)
                    requestFlush()
                case .fail(let error): return lost(error)
                }
            }
        } catch {
            lost(error)
        }
    }

    // MARK: - Sending

    private func requestFlush() {
        guard !asksForFlush else { return }
        asksForFlush = true
        loop.requestFlush(self)
    }

    func flush() {
        asksForFlush = false
        guard socket != nil else { return }
        do {
            try machine.flush { bytes, position throws(SystemError) in
                try socket?.send(bytes, from: position) ?? nil
            }
            loop.bringForward(machine.deadline)
        } catch {
            lost(.connectionLost)
        }
    }

    // MARK: - Deadlines

    var deadline: MonotonicTime { machine.deadline }

    func deadlineReached(now: MonotonicTime) {
        let (resolutions, action) = machine.deadlineReached(now: now)
        resolve(resolutions)
        switch action {
        case .none: break
        case .connect: connect()
        case .fail(let error): lost(error)
        }
    }
}
