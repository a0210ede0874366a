@testable import CoreAPIBase
@testable import CoreAPIRedis

/// What `RedisConnectionHandler` does with the machine's actions, call for call.
extension RedisSimulation {
    func connect() {
        machine.connectStarted(now: now)
        let connection = SimulatedConnection(number: connections.count)
        connections.append(connection)
        self.connection = connection
        isConnecting = true
        tell("connects (\(connection.number))")
        if now >= swallowsUntil { after(random.integer(1...4), .connectDone(connection)) }
        bringForward()
    }

    /// The kernel has decided on the connection.
    func connectDone(_ connection: SimulatedConnection) {
        guard connection === self.connection, isConnecting else { return }
        guard isUp, now >= refusesUntil else {
            return lost(.connectFailed(SystemError(code: 111, call: "connect")))
        }
        isConnecting = false
        reader = RedisReplyReader()
        let login = machine.connected(now: now)
        tell("connected (\(connection.number))")
        if login.isEmpty { return becameReady() }
        send(login[...], over: connection)
    }

    private func becameReady() {
        tell("ready")
        asksForFlush = true
    }

    func lost(_ error: RedisError) {
        tell("lost: \(error)")
        closeSocket()
        resolve(machine.lost(error, now: now, jitter: random.fraction()))
        bringForward()
    }

    private func closeSocket() {
        if let connection { closeByClient(connection) }
        connection = nil
        isConnecting = false
    }

    func closeByOwner() {
        submit(SimulatedPayment(userID: 3, amount: 1, key: nil, retries: 0))
        if random.chance(50) { flush() }
        tell("is closed")
        resolve(machine.close())
        closeSocket()
        isClosed = true
        nextSweep = .never
        if !unresolved.isEmpty { violate("close leaves somebody waiting") }
    }

    func takeReplies() {
        do {
            while let reply = try reader.next() {
                tell("received \(reply.words)")
                switch machine.received(reply, now: now) {
                case .none: break
                case .flush: becameReady()
                case .resolve(let resolution): resolve([resolution])
                case .resolveAll(let resolutions): resolve(resolutions)
                case .fail(let error): return lost(error)
                }
            }
        } catch {
            lost(error)
        }
    }

    func flush() {
        asksForFlush = false
        guard let connection, !isClosed else { return }
        do {
            try machine.flush { bytes, position throws(SystemError) in
                try take(bytes[position...], over: connection)
            }
            bringForward()
        } catch {
            lost(.connectionLost)
        }
    }

    func deadlineReached() {
        let (resolutions, action) = machine.deadlineReached(now: now)
        resolve(resolutions)
        switch action {
        case .none: break
        case .connect: connect()
        case .fail(let error): lost(error)
        }
    }
}
