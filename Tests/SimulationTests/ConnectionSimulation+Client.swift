@testable import CoreAPIBase
@testable import CoreAPIRedis

/// What `RedisConnectionHandler` and `OutgoingConnection` do with the actions of their machines,
/// call for call.
extension ConnectionSimulation {
    // MARK: - RedisConnectionHandler

    /// Returns why it is not taken.
    final func submit(_ body: (inout Machine) -> RedisSubmitAction) -> RedisFailure? {
        switch body(&machine) {
        case .flush: asksForFlush = true
        case .wait:
            outgoing.isWanted = true
            bringForward()
        case .reject(let failure): return failure
        }
        return nil
    }

    private func connectionOpened() {
        reader = RedisReplyReader()
        let login = machine.connected(now: now)
        if let connection { tell("connected (\(connection.number))") }
        if login.isEmpty { return becameReady() }
        if let connection { send(login[...], over: connection) }
    }

    private func becameReady() {
        tell("ready")
        outgoing.established()
        if machine.isIdle { outgoing.succeeded() }
        asksForFlush = true
    }

    final func takeReplies() {
        do {
            while let reply = try reader.next() {
                tell("received \(reply.words)")
                switch received(reply) {
                case .none: break
                case .flush: asksForFlush = true
                case .ready(let resolutions):
                    becameReady()
                    resolve(resolutions)
                case .resolve(let resolution):
                    outgoing.succeeded()
                    resolve([resolution])
                case .resolveAll(let resolutions):
                    outgoing.succeeded()
                    resolve(resolutions)
                    asksForFlush = true
                case .renew(let resolutions):
                    outgoing.succeeded()
                    resolve(resolutions)
                    checkRenewal()
                    return restart()
                case .fail(let error): return lose(error)
                }
            }
        } catch {
            lose(error)
        }
    }

    private func lose(_ error: RedisError) {
        endConnection()
        lost(error)
    }

    private func lost(_ error: RedisError) {
        tell("lost: \(error)")
        resolve(machine.lost(error, now: now))
        machineLost()
        outgoing.isWanted = machine.isWanted
        bringForward()
    }

    /// Another login of the same Redis, which counts from the next connection on.
    final func renew(_ url: RedisURL) {
        guard !isClosed else { return }
        tell("is to be renewed")
        machine.adopt(url)
        if machine.renew() || renewsAtOnce { restart() }
    }

    private func restart() {
        tell("begins anew")
        closeSocket()
        outgoing.restarted(now: now)
        resolve(machine.restarted(now: now))
        machineRestarted()
        outgoing.isWanted = machine.isWanted
        bringForward()
    }

    final func close() {
        tell("is closed")
        resolve(machine.close())
        outgoing.close()
        closeSocket()
        isClosed = true
        nextSweep = .never
    }

    final func deadlineReached() {
        let (resolutions, stalls) = machine.deadlineReached(now: now)
        resolve(resolutions)
        if stalls { lose(RedisError.timedOut) }
        outgoing.isWanted = machine.isWanted
    }

    // MARK: - OutgoingConnection

    final func start() {
        outgoing.isWanted = machine.isWanted
        perform(outgoing.deadlineReached(now: now))
    }

    final func perform(_ action: OutgoingConnectionStateMachine.Action) {
        switch action {
        case .none: break
        case .locate: locate()
        case .resolve: resolveHost()
        case .connect:
            let connection = Connection(number: connections.count, server: chooseServer())
            connections.append(connection)
            self.connection = connection
            tell("connects (\(connection.number))")
            after(random.integer(1...4), .connectDone(connection))
        case .shakeHands:
            if let connection { after(random.integer(1...4), .handshakeDone(connection)) }
        case .open: connectionOpened()
        case .fail(let error): socketLost(error)
        }
    }

    /// As sentinels do, which have an answer, none, or take their time.
    private func locate() {
        bringForward()
        let isSlow = isRough && random.chance(10)
        let milliseconds = isSlow ? random.integer(10...3_000) : random.integer(0...3)
        let error = isRough && random.chance(10) ? RedisError.sentinelsUnreachable : nil
        after(milliseconds) { [self] in
            guard outgoing.isLocating else { return }
            if let error { lose(error) } else { perform(outgoing.located()) }
        }
    }

    private func resolveHost() {
        bringForward()
        guard random.chance(40) else { return perform(outgoing.resolved(.success(addresses()))) }
        // The thread of an attempt before is under way, and its answer serves this one.
        guard !hasResolver else { return }
        hasResolver = true
        let isSlow = isRough && random.chance(10)
        after(isSlow ? random.integer(10...3_000) : random.integer(0...3), .resolverAnswers)
    }

    /// The resolver's thread is done.
    final func resolverAnswers() {
        hasResolver = false
        if isRough, random.chance(10) {
            perform(outgoing.resolved(.failure(.hostNotFound("h: there is no such host"))))
        } else {
            perform(outgoing.resolved(.success(addresses())))
        }
    }

    /// One address or several, all of which are Redis's.
    private func addresses() -> [SocketAddress] {
        (0...random.integer(0...2)).compactMap { _ in try? SocketAddress(unixPath: "/redis") }
    }

    /// The kernel has decided on the connection.
    final func connectDone(_ connection: Connection) {
        guard connection === self.connection, outgoing.isConnecting else { return }
        switch admit(connection) {
        case .accepted: perform(outgoing.connected())
        case .refused: connectFailed()
        case .swallowed: break
        }
    }

    private func connectFailed() {
        closeSocket()
        perform(outgoing.connectFailed(SystemError(code: 111, call: "connect")))
    }

    /// TLS is there, unless Redis stalls or is gone.
    final func handshakeDone(_ connection: Connection) {
        guard connection === self.connection, outgoing.isShakingHands,
            !connection.isClosedByServer
        else { return }
        let end = busyUntil(connection.server)
        if now < end {
            queue.add(.handshakeDone(connection), at: end.advanced(byMilliseconds: 1))
        } else {
            perform(outgoing.handshakeFinished())
        }
    }

    /// The stream of the server has ended.
    final func endOfStream(_ connection: Connection) {
        guard connection === self.connection else { return }
        if outgoing.isConnecting { connectFailed() } else { socketLost(.connectionLost) }
    }

    /// As `OutgoingConnection.lose`, and `RedisConnectionHandler.connectionLost`.
    private func socketLost(_ error: OutgoingConnectionError) {
        let error = outgoing.explained(error)
        endConnection()
        let lost = RedisError(error)
        self.lost(lost == .connectionLost && machine.isLoggingIn ? .loginUnanswered : lost)
    }

    /// As `OutgoingConnection.end`.
    private func endConnection() {
        closeSocket()
        outgoing.lost(now: now, jitter: random.fraction())
        bringForward()
    }

    private func closeSocket() {
        if let connection { closeByClient(connection) }
        connection = nil
    }

    final func flush() {
        asksForFlush = false
        guard let connection, !outgoing.isConnecting, !usesTLS || outgoing.isOpen else { return }
        do {
            let deadline = try machine.flush(now: now) { bytes, position throws(SystemError) in
                try take(bytes[position...], over: connection)
            }
            nextSweep = min(nextSweep, deadline)
        } catch {
            socketLost(.connectionLost)
        }
    }
}
