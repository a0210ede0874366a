@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The part of `OutgoingConnection`: performs the machine's actions, call for call.
extension RedisSimulation {
    /// As `OutgoingConnection.start`, which `RedisConnectionHandler.start` calls.
    func start() {
        outgoing.isWanted = machine.isWanted
        perform(outgoing.deadlineReached(now: now))
    }

    func perform(_ action: OutgoingConnectionStateMachine.Action) {
        switch action {
        case .none: break
        case .resolve: resolveHost()
        case .connect: connect()
        case .shakeHands:
            if let connection { after(random.integer(1...4), .handshakeDone(connection)) }
        case .open: connectionOpened()
        case .fail(let error): lose(error)
        }
    }

    // MARK: - Resolving

    private func resolveHost() {
        bringForward()
        let time = now.nanoseconds / 1_000_000
        guard random.chance(40) else {
            return perform(outgoing.resolved(.success(addresses(time))))
        }
        // The thread of an attempt before is under way, and its answer serves this one.
        guard !hasResolver else { return }
        hasResolver = true
        let isSlow = isRough && random.chance(10)
        after(isSlow ? random.integer(10...3_000) : random.integer(0...3), .resolverAnswers)
    }

    /// The resolver's thread is done.
    func resolverAnswers() {
        hasResolver = false
        if isRough, random.chance(10) {
            perform(outgoing.resolved(.failure(.hostNotFound("h: there is no such host"))))
        } else {
            perform(outgoing.resolved(.success(addresses(now.nanoseconds))))
        }
    }

    /// One address or several, all of which are Redis's.
    private func addresses(_ number: UInt64) -> [SocketAddress] {
        (0...(number % 3)).compactMap { _ in try? SocketAddress(unixPath: "/redis") }
    }

    // MARK: - Connecting

    private func connect() {
        let connection = SimulatedConnection(number: connections.count)
        connections.append(connection)
        self.connection = connection
        tell("connects (\(connection.number))")
        if now >= swallowsUntil { after(random.integer(1...4), .connectDone(connection)) }
    }

    /// The kernel has decided on the connection.
    func connectDone(_ connection: SimulatedConnection) {
        guard connection === self.connection, outgoing.isConnecting else { return }
        guard isUp, now >= refusesUntil else { return connectFailed() }
        perform(outgoing.connected())
    }

    private func connectFailed() {
        closeSocket()
        perform(outgoing.connectFailed(SystemError(code: 111, call: "connect")))
    }

    /// TLS is there, unless Redis stalls or is gone.
    func handshakeDone(_ connection: SimulatedConnection) {
        guard connection === self.connection, outgoing.isShakingHands,
            !connection.isClosedByServer
        else { return }
        if now < stalledUntil {
            after(stalledUntil.milliseconds(since: now) + 1, .handshakeDone(connection))
        } else {
            perform(outgoing.handshakeFinished())
        }
    }

    /// The stream of the server has ended.
    func endOfStream(_ connection: SimulatedConnection) {
        guard connection === self.connection else { return }
        if outgoing.isConnecting { connectFailed() } else { lose(.connectionLost) }
    }

    // MARK: - Ends

    /// As `OutgoingConnection.lose`.
    func lose(_ error: OutgoingConnectionError) {
        let error = outgoing.explained(error)
        endConnection()
        connectionLost(error)
    }

    /// As `OutgoingConnection.end`.
    func endConnection() {
        closeSocket()
        outgoing.lost(now: now, jitter: random.fraction())
        bringForward()
    }

    func closeSocket() {
        if let connection { closeByClient(connection) }
        connection = nil
    }

    // MARK: - Sending

    /// As `OutgoingConnection.flush`.
    func flush() {
        asksForFlush = false
        guard let connection, !outgoing.isConnecting, !usesTLS || outgoing.isOpen else { return }
        do {
            try connectionFlushed { bytes, position throws(SystemError) in
                try take(bytes[position...], over: connection)
            }
        } catch {
            lose(.connectionLost)
        }
    }
}
