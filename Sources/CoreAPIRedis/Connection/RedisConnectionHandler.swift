internal import CoreAPIBase
internal import Logging

/// The socket of a connection to Redis: does what `RedisConnectionStateMachine` says. It lives on
/// its loop's thread.
///
/// Commands gathered during one turn of the loop leave in one write at its end.
final class RedisConnectionHandler: EventHandler, @unchecked Sendable {
    typealias Reply = RedisReplyWaiter.Reply
    typealias Waiter = RedisReplyWaiter

    private let loop: EventLoop
    private let url: RedisURL
    private var log: RedisOutageLog
    private var machine: RedisConnectionStateMachine<Waiter>
    private var reader = RedisReplyReader()
    private var socket: Socket?
    private var isConnecting = false
    private let tlsContext: TLSContext?
    /// Between the socket and Redis, for `rediss://`.
    private var tls: TLSSession?
    /// Asked before `tls`, which may change: reading that costs a check of exclusive access.
    private var hasTLS: Bool { tlsContext != nil }
    private var isShakingHands = false
    /// The addresses that this attempt has not tried.
    private var addresses: ArraySlice<SocketAddress> = []
    /// How many attempts there have been.
    private var attempt = 0
    /// Whether a resolver's thread is under way: there is one at most.
    private var isResolving = false
    private var asksForFlush = false
    private var connectWaiters: [Suspension<RedisError?>] = []
    private var metrics: RedisConnectionMetrics?
    private let isOnDemand: Bool

    init(
        url: RedisURL, loop: EventLoop, options: RedisConnection.Options, logger: Logger
    ) {
        if case .tls = url.endpoint {
            precondition(options.tls != nil, "TLS needs certificates")
        }
        self.url = url
        self.loop = loop
        log = RedisOutageLog(url, logger)
        tlsContext = options.tls
        isOnDemand = options.isOnDemand
        machine = RedisConnectionStateMachine(
            url: url, limits: options.limits, scripts: options.scripts, barrier: options.barrier,
            isOnDemand: options.isOnDemand, now: .now())
        metrics = RedisConnectionMetrics(options.metrics)
    }

    var isReady: Bool { machine.isReady }

    /// Begins to connect, and to come back whenever the connection breaks; on demand, when there is
    /// a command for it.
    func start() {
        metrics?.started()
        loop.addTimed(self)
        if !isOnDemand { connect() }
    }

    func submit(_ command: RedisCommand, for task: Suspension<Reply>) {
        if let failure = submit(command, .task(task)) { task.resume(returning: .failure(failure)) }
    }

    /// Returns why the command is not taken; nil if it is, and the waiter will have a reply.
    func submit(_ command: RedisCommand, _ waiter: consuming Waiter) -> RedisFailure? {
        switch machine.submitted(command, waiter, now: loop.now) {
        case .flush: requestFlush()
        case .wait: loop.bringForward(machine.deadline)
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
        closeSocket()
        loop.removeTimed(self)
        tellConnectWaiters(.closed)
    }

    // MARK: - Connecting

    private func connect() {
        machine.connectStarted(now: loop.now)
        attempt += 1
        switch url.endpoint {
        case .unix(let path): resolved(.success([SocketAddress(unixPath: path)]))
        case .tcp(let host, let port), .tls(let host, let port): resolve(host, port)
        }
        loop.bringForward(machine.deadline)
    }

    private func resolve(_ host: String, _ port: UInt16) {
        if let numeric = try? SocketAddress.resolve(host: host, port: port, numericOnly: true) {
            resolved(.success(numeric))
        } else if !isResolving {
            resolveName(host, port)
        }
    }

    /// Asks the resolver on a thread of its own, since it blocks. If it takes longer than the
    /// attempt may, its answer serves the attempt that is under way then.
    private func resolveName(_ host: String, _ port: UInt16) {
        let loop = loop
        isResolving = true
        do {
            try Thread.start { [weak self] in
                let addresses = Result { () throws(ResolveError) in
                    try SocketAddress.resolve(host: host, port: port, numericOnly: false)
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
        if let error = try socket?.connectionError() {
            closeSocket()
            connectToNextAddress(after: .connectFailed(error))
            return
        }
        isConnecting = false
        guard case .tls(let host, _) = url.endpoint, let tlsContext else { return try logIn() }
        let tls = TLSSession(tlsContext, host: host)
        self.tls = tls
        isShakingHands = true
        try takeTLS(tls)
    }

    private func logIn() throws(SystemError) {
        reader = RedisReplyReader()
        let login = machine.connected(now: loop.now)
        if login.isEmpty { return becameReady() }
        // A new socket's buffer has room for the few bytes of a login.
        let count: Int?
        if let tls {
            count = try tls.write(login, from: 0)
            requestFlush()
        } else {
            count = try socket?.send(login, from: 0) ?? nil
        }
        guard count == login.count else { return lost(.connectionLost) }
    }

    private func becameReady() {
        metrics?.becameReady()
        log.becameReady()
        tellConnectWaiters(nil)
        requestFlush()
    }

    private func tellConnectWaiters(_ error: RedisError?) {
        for waiter in connectWaiters { waiter.resume(returning: error) }
        connectWaiters = []
    }

    // MARK: - Ends

    private func lost(_ error: RedisError) {
        let error = explained(error)
        closeSocket()
        metrics?.lost(error)
        log.lost(error)
        resolve(machine.lost(error, now: loop.now, jitter: .random(in: 0...1)))
        tellConnectWaiters(error)
        loop.bringForward(machine.deadline)
    }

    /// What the end of a connection means in its beginning.
    private func explained(_ error: RedisError) -> RedisError {
        switch error {
        case .connectionLost where isShakingHands: .tlsFailed(.ended)
        case .timedOut where isShakingHands: .tlsFailed(.unanswered)
        case .connectionLost where machine.isLoggingIn: .loginUnanswered
        default: error
        }
    }

    private func closeSocket() {
        if let socket = socket.take() { loop.unregister(socket) }
        isConnecting = false
        tls = nil
        isShakingHands = false
    }

    private func resolve(
        _ resolutions: [RedisConnectionStateMachine<Waiter>.Resolution]
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
            guard let count = try hasTLS ? readTLS() : readReplies() else { return }
            if count == 0 { return lost(.connectionLost) }
            if count < EventLoop.readBytesMax, !hasEnded { return }
        }
    }

    /// How many bytes came; 0 at the end of the stream.
    private func readReplies() throws(SystemError) -> Int? {
        let reader = reader
        guard let count = try socket?.read(on: loop, { reader.feed($0) }) ?? nil else { return nil }
        if count > 0 { takeReplies(from: reader) }
        return count
    }

    private func takeReplies(from reader: RedisReplyReader) {
        do {
            while let reply = try reader.next() {
                switch machine.received(reply, now: loop.now) {
                case .none: break
                case .flush: becameReady()
                case .resolve(let resolution):
                    if log.isOutage { log.answered() }
                    resolution.waiter.resume(returning: resolution.result)
                case .resolveAll(let resolutions):
                    if log.isOutage { log.answered() }
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
            if hasTLS, let tls {
                try send(over: tls)
            } else {
                try machine.flush { bytes, position throws(SystemError) in
                    try socket?.send(bytes, from: position) ?? nil
                }
            }
            loop.bringForward(machine.deadline)
        } catch {
            lost(.connectionLost)
        }
    }

    // MARK: - TLS

    /// As `readReplies`.
    private func readTLS() throws(SystemError) -> Int? {
        guard let tls, let count = try socket?.read(on: loop, { tls.receive($0) }) ?? nil else {
            return nil
        }
        if count > 0 { try takeTLS(tls) }
        return count
    }

    /// Goes on with what has come over TLS: the handshake, then the replies.
    private func takeTLS(_ tls: TLSSession) throws(SystemError) {
        if isShakingHands {
            do {
                isShakingHands = try !tls.shakeHands()
            } catch {
                // The server is told why, for its own log.
                _ = try? flush(tls)
                return lost(.tlsFailed(error))
            }
            requestFlush()
            if isShakingHands { return }
            // The last message of the handshake leaves with the login, in one write: a server that
            // refuses our certificate has ended the connection when the next one comes, and its
            // failure would hide the reason.
            try logIn()
        }
        takeReplies(over: tls)
    }

    private func takeReplies(over tls: TLSSession) {
        let reader = reader
        var end: RedisError?
        do {
            if try !tls.read({ reader.feed($0) }) { end = .connectionLost }
        } catch {
            end = .tlsFailed(error)
        }
        takeReplies(from: reader)
        guard self.tls === tls else { return }
        if let end { return lost(end) }
        // TLS may have an answer of its own, as to an update of keys.
        if tls.hasOutput { requestFlush() }
    }

    private func send(over tls: TLSSession) throws(SystemError) {
        try machine.flush { bytes, position throws(SystemError) in
            // What the kernel does not take stays as it is, and is not encrypted.
            if !tls.hasRoom {
                guard try flush(tls) else { return nil }
            }
            return try tls.write(bytes, from: position)
        }
        _ = try flush(tls)
    }

    /// Whether the kernel has taken all that was encrypted.
    private func flush(_ tls: TLSSession) throws(SystemError) -> Bool {
        try tls.flush { bytes, position throws(SystemError) in
            try socket?.send(bytes, from: position) ?? nil
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
