@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The part of `RedisConnectionHandler`: performs the machine's actions, call for call.
extension RedisSimulation {
    func connectionOpened() {
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

    func takeReplies() {
        do {
            while let reply = try reader.next() {
                tell("received \(reply.words)")
                switch machine.received(reply, now: now) {
                case .none: break
                case .flush: becameReady()
                case .resolve(let resolution):
                    outgoing.succeeded()
                    resolve([resolution])
                case .resolveAll(let resolutions):
                    outgoing.succeeded()
                    resolve(resolutions)
                    asksForFlush = true
                case .fail(let error): return lose(error)
                }
            }
        } catch {
            lose(error)
        }
    }

    func connectionFlushed(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        try machine.flush(send)
        bringForward()
    }

    // MARK: - Ends

    func connectionLost(_ error: OutgoingConnectionError) {
        lost(
            error == .connectionLost && machine.isLoggingIn
                ? .loginUnanswered : RedisError(error))
    }

    private func lose(_ error: RedisError) {
        endConnection()
        lost(error)
    }

    private func lost(_ error: RedisError) {
        tell("lost: \(error)")
        resolve(machine.lost(error, now: now))
        outgoing.isWanted = machine.isWanted
        bringForward()
    }

    func closeByOwner() {
        submit(SimulatedPayment(userID: 3, amount: 1, key: nil, retries: 0))
        if random.chance(50) { flush() }
        tell("is closed")
        resolve(machine.close())
        outgoing.close()
        closeSocket()
        isClosed = true
        nextSweep = .never
        if !unresolved.isEmpty { violate("close leaves somebody waiting") }
    }

    // MARK: - Deadlines

    func deadlineReached() {
        let (resolutions, stalls) = machine.deadlineReached(now: now)
        resolve(resolutions)
        if stalls { lose(RedisError.timedOut) }
        outgoing.isWanted = machine.isWanted
    }
}
