internal import CoreAPIBase
internal import CoreMetrics
internal import Logging

/// A connection to Redis: does what its machine says, over an `OutgoingConnection`. It lives on its
/// loop's thread.
///
/// What is submitted during one turn of the loop leaves in one write at its end.
///
/// It is a protocol with two classes, since a generic class's methods would look up the types of
/// their machine for each reply.
protocol RedisConnectionHandler: EventHandler, OutgoingConnectionOwner, Sendable {
    associatedtype Machine: RedisConnectionMachine

    var parts: RedisConnectionParts<Machine> { get }

    /// Ends the waiter's wait with its result.
    func resume(_ resolution: Machine.Resolution)

    /// Reports what the machine has noticed: called after replies, and after the end of a
    /// connection.
    func report()
}

/// The state of a connection to Redis. Only its loop's thread uses it.
final class RedisConnectionParts<Machine: RedisConnectionMachine> {
    // A machine calls nothing but the `send` of its connection, which does not come back here: no
    // exclusivity check is needed.
    @exclusivity(unchecked) private var uncheckedMachine: Machine
    var machine: Machine {
        _read { yield unsafe uncheckedMachine }
        _modify { yield unsafe &uncheckedMachine }
    }
    let loop: EventLoop
    let connection: OutgoingConnection
    fileprivate var log: RedisOutageLog
    fileprivate var reader = RedisReplyReader()
    fileprivate var connectWaiters: [Suspension<RedisError?>] = []
    /// Whether the connection is being made anew, and nothing has failed since.
    fileprivate var isRenewing = false
    fileprivate var metrics: RedisConnectionMetrics?
    /// How the master is found; nil for one server.
    let masters: MasterLocation?

    init(
        _ machine: Machine, url: RedisURL, loop: EventLoop, limits: RedisLimits, tls: TLSContext?,
        metrics: any MetricsFactory, logger: Logger
    ) {
        unsafe uncheckedMachine = machine
        self.loop = loop
        log = RedisOutageLog(url, logger)
        self.metrics = RedisConnectionMetrics(metrics)
        let tls = url.place.usesTLS ? tls : nil
        let address: OutgoingConnection.Endpoint?
        switch url.place {
        case .server(let endpoint): (address, masters) = (endpoint.address, nil)
        case .sentinels(let sentinels):
            (address, masters) = (nil, MasterLocation(sentinels, tls, logger))
        case .cluster:
            preconditionFailure("RedisConnectionParts.init: a cluster, not one of its nodes")
        }
        connection = OutgoingConnection(
            to: address, tls: tls, on: loop,
            attemptMilliseconds: limits.connectTimeoutMilliseconds,
            backoff: masters == nil ? limits.backoff : limits.sentinelBackoff)
    }
}

extension RedisConnectionHandler {
    var isReady: Bool { parts.machine.isReady }

    /// Whether what is submitted is sent at once, or after a renewal of the connection.
    var isServing: Bool { isReady || parts.isRenewing }

    /// Begins to connect, and to come back whenever the connection breaks; on demand, when there is
    /// a command for it.
    func start() {
        parts.metrics?.started()
        parts.loop.addTimed(self)
        parts.connection.isWanted = parts.machine.isWanted
        parts.connection.start(for: self)
    }

    /// Gives the machine something to send. Returns why it is not taken; nil if it is, and the
    /// waiter will be resumed.
    @inline(__always)
    func submit(_ body: (inout Machine, MonotonicTime) -> RedisSubmitAction) -> RedisFailure? {
        switch body(&parts.machine, parts.loop.now) {
        case .flush: parts.connection.requestFlush()
        case .wait:
            parts.connection.isWanted = true
            parts.loop.bringForward(parts.machine.deadline)
        case .reject(let failure): return failure
        }
        return nil
    }

    /// Returns once the connection is ready; throws the reason why the next attempt failed. Any
    /// thread may call it.
    func ready() async throws(RedisError) where Self: Sendable {
        let error = await Suspension.value { waiter in
            parts.loop.submit { self.notifyWhenConnected(waiter) }
        }
        if let error { throw error }
    }

    private func notifyWhenConnected(_ waiter: Suspension<RedisError?>) {
        if isReady {
            waiter.resume(returning: nil)
        } else {
            parts.connectWaiters.append(waiter)
        }
    }

    func close() {
        parts.metrics?.closed()
        parts.metrics = nil
        resolve(parts.machine.close())
        report()
        parts.connection.close()
        parts.masters?.leave()
        parts.loop.removeTimed(self)
        resumeConnectWaiters(.closed)
    }

    fileprivate func becameReady() {
        parts.connection.established()
        // With nothing to ask, being let in is the best sign there is.
        if parts.machine.isIdle { parts.connection.succeeded() }
        parts.metrics?.becameReady()
        parts.isRenewing = false
        let address = parts.masters == nil ? nil : parts.connection.address
        if let address { parts.masters?.membership?.confirm(address) }
        parts.log.becameReady(at: address)
        resumeConnectWaiters(nil)
        parts.connection.requestFlush()
    }

    fileprivate func resumeConnectWaiters(_ error: RedisError?) {
        for waiter in parts.connectWaiters { waiter.resume(returning: error) }
        parts.connectWaiters = []
    }

    fileprivate func resolve(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions { resume(resolution) }
    }

    // MARK: - Replies

    fileprivate func takeReplies() {
        // A copy: an access to the property that spans a call is checked at run time.
        let reader = parts.reader
        do {
            while let reply = try reader.next() {
                switch parts.machine.received(reply, now: parts.loop.now) {
                case .none: break
                case .flush: parts.connection.requestFlush()
                case .ready(let resolutions):
                    becameReady()
                    resolve(resolutions)
                case .resolve(let resolution):
                    answered()
                    resume(resolution)
                case .resolveAll(let resolutions):
                    answered()
                    resolve(resolutions)
                    parts.connection.requestFlush()
                case .renew(let resolutions):
                    answered()
                    resolve(resolutions)
                    return restart()
                case .fail(let error): return lose(error)
                }
            }
        } catch {
            lose(error)
        }
    }

    fileprivate func answered() {
        parts.connection.succeeded()
        if parts.log.isOutage { parts.log.answered() }
    }

    /// Ends the connection for a reason of Redis's own.
    fileprivate func lose(_ error: RedisError) {
        parts.connection.end()
        lost(error)
    }

    fileprivate func lost(_ error: RedisError) {
        parts.metrics?.lost(error)
        parts.isRenewing = false
        parts.log.lost(error)
        if error.castsDoubtOnMaster, let address = parts.connection.address {
            parts.masters?.membership?.doubt(address)
        }
        resolve(parts.machine.lost(error, now: parts.loop.now))
        report()
        parts.connection.isWanted = parts.machine.isWanted
        resumeConnectWaiters(error)
        parts.loop.bringForward(parts.machine.deadline)
    }

    // MARK: - Deadlines

    var deadline: MonotonicTime { parts.machine.deadline }

    func deadlineReached(now: MonotonicTime) {
        let (resolutions, stalls) = parts.machine.deadlineReached(now: now)
        resolve(resolutions)
        if stalls { lose(.timedOut) }
        parts.connection.isWanted = parts.machine.isWanted
    }

    // MARK: - The master

    func connectionLocating() {
        guard let masters = parts.masters else {
            preconditionFailure("connectionLocating() for one server")
        }
        let loop = parts.loop
        do {
            try join(masters).locate { [weak self] location in
                loop.submit { self?.located(location) }
            }
        } catch {
            lose(.connectFailed(error))
        }
    }

    /// The membership in the directory of the sentinels.
    private func join(_ masters: MasterLocation) throws(SystemError) -> SentinelMembership {
        let loop = parts.loop
        return try masters.joined { [weak self] departure in
            loop.submit { self?.depart(departure) }
        }
    }

    private func located(_ location: SentinelDirectory.Location) {
        guard parts.connection.isLocating else { return }
        switch location {
        case .success(let address):
            parts.connection.located(at: .tcp(host: address.host, port: address.port))
        case .failure(let error): lose(error)
        }
    }

    /// A barrier was not reached: the master may have been replaced.
    func suspectMaster() {
        guard let membership = parts.masters?.membership, let address = parts.connection.address
        else { return }
        membership.suspect(address)
    }

    /// Ends a connection, or an attempt, to a server that is not the master any more.
    private func depart(_ departure: SentinelDirectory.Departure) {
        guard parts.connection.isUnderWay, let address = parts.connection.address,
            departure.concerns(address)
        else { return }
        lose(.masterMoved)
    }

    // MARK: - Renewal

    /// Uses another login and other certificates from the next attempt on. An attempt that is under
    /// way begins again.
    func adopt(_ target: RedisTarget) {
        parts.log.adopt(target.url)
        parts.machine.adopt(target.url)
        parts.connection.adopt(tls: target.url.place.usesTLS ? target.tls : nil)
        if let masters = parts.masters, let sentinels = target.url.place.sentinels {
            masters.adopt(sentinels, sentinels.usesTLS ? target.tls : nil)
            // An open connection goes on hearing of failovers, from the new directory.
            if isReady, let address = parts.connection.address {
                (try? join(masters))?.confirm(address)
            }
        }
        if !isServing, parts.connection.isAttempting { restart() }
    }

    /// Makes the connection anew, once Redis has answered what was sent over it. What is submitted
    /// meanwhile waits for the new one. On the loop's thread.
    ///
    /// - Parameter waiter: gets nil once the new connection is ready, or if none is wanted; else
    ///   the error of the attempt.
    func renew(_ waiter: Suspension<RedisError?>?) {
        guard !parts.machine.isClosed else { return resume(waiter, .closed) }
        let isWanted = parts.machine.isWanted
        parts.isRenewing = isServing && isWanted
        if parts.machine.renew() { restart() }
        guard isWanted else { return resume(waiter, nil) }
        if let waiter { parts.connectWaiters.append(waiter) }
    }

    private func resume(_ waiter: Suspension<RedisError?>?, _ error: RedisError?) {
        if let waiter { waiter.resume(returning: error) }
    }

    /// `renew` from any thread.
    func renewed() async -> RedisError? {
        await Suspension.value { waiter in
            let isTaken = parts.loop.submit { self.renew(waiter) }
            if !isTaken { waiter.resume(returning: .closed) }
        }
    }

    /// Ends the connection, or the attempt, to make it anew at once.
    private func restart() {
        parts.connection.restart()
        resolve(parts.machine.restarted(now: parts.loop.now))
        parts.connection.isWanted = parts.machine.isWanted
        parts.loop.bringForward(parts.machine.deadline)
    }

    // MARK: - The connection

    func connectionOpened() {
        parts.reader = RedisReplyReader()
        let login = parts.machine.connected(now: parts.loop.now)
        if login.isEmpty { return becameReady() }
        parts.connection.send(login)
    }

    func connectionReceived(_ bytes: Span<UInt8>) { parts.reader.feed(bytes) }

    func connectionReadEnded() {
        takeReplies()
        report()
    }

    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        parts.loop.bringForward(try parts.machine.flush(now: parts.loop.now, send))
    }

    func connectionLost(_ error: OutgoingConnectionError) {
        // A server that wants TLS, or a certificate, ends the connection during the login.
        let error = RedisError(error)
        lost(
            error == .connectionLost && parts.machine.isLoggingIn ? .loginUnanswered : error)
    }
}

extension OutgoingConnection {
    /// The endpoint's host and port; nil without, and for a socket.
    fileprivate var address: RedisAddress? {
        if case .tcp(let host, let port) = endpoint {
            RedisAddress(host: host, port: port)
        } else {
            nil
        }
    }
}
