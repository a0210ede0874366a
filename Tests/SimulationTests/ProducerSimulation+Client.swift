import DequeModule

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The part of the connection's handler.
extension ProducerSimulation {
    func submit(_ index: Int) {
        let message = schedule.messages[index]
        submittedAt[index] = now
        tell("\(message.id) \(message.key ?? "") is submitted")
        let action = session.submit(
            index, now: now, isKeyed: message.key != nil,
            keys: { command in
                guard let key = message.key else { return 0 }
                command.word(key)
                return 1
            },
            words: {
                $0.word(message.id)
                $0.word(message.key == nil ? "-" : "keyed")
            })
        switch action {
        case .flush: asksForFlush = true
        case .wait: break
        case .reject(let failure): resolve(index, .failure(failure))
        }
        bringForward()
    }

    func connect() {
        let masters = nodes.indices.filter { nodes[$0].isMaster && nodes[$0].isUp }
        var index = target
        if schedule.kind == .splits, random.chance(30),
            let any = masters.randomElement(using: &random)
        {
            index = any
        }
        let node = nodes[index]
        guard node.isUp, node.isMaster else {
            after(random.integer(50...300), .then { [unowned self] in connect() })
            return
        }
        after(random.integer(1...30), .connected(Connection(node)))
    }

    func connected(_ connection: Connection) {
        guard connection.node.isUp, now >= connection.node.frozenUntil else {
            after(random.integer(50...300), .then { [unowned self] in connect() })
            return
        }
        self.connection = connection
        logins += 1
        progressAt = now
        tell("connected to \(connection.node.name), \(connection.node.run)")
        session.loggedIn()
        asksForFlush = true
        bringForward()
    }

    func flush() {
        asksForFlush = false
        guard let connection else { return }
        if !session.isAwaiting { progressAt = now }
        do {
            try session.flush(now: now) { bytes, position throws(SystemError) in
                send(connection, bytes, from: position)
            }
        } catch { violate("the model of the network throws \(error)") }
        bringForward()
    }

    private func send(_ connection: Connection, _ bytes: [UInt8], from position: Int) -> Int? {
        guard !connection.isFull else { return nil }
        let rest = bytes.count - position
        let count = random.chance(80) ? rest : random.integer(1...rest)
        if count < rest {
            connection.isFull = true
            after(random.integer(1...40), .writable(connection))
        }
        connection.arrivesAtServer = max(connection.arrivesAtServer, arrival)
        let part = Array(bytes[position..<(position + count)])
        queue.add(.toServer(connection, part, isLate: false), at: connection.arrivesAtServer)
        return count
    }

    /// When what is sent now arrives.
    var arrival: MonotonicTime {
        let lag = now < laggingUntil ? random.integer(0...4_000) : 0
        return now.advanced(byMilliseconds: random.integer(1...8) + lag)
    }

    func received(_ reply: RedisReply) {
        progressAt = now
        var reply = reply
        if breakage == .ignoresBarriers, case .barrier? = session.awaited.first {
            reply = .integer(1)
        }
        let action = session.received(reply, now: now)
        if breakage == .reusesNumbersWithoutDraining, case .draining(let free) = session.state {
            session.next = free
            session.state = .ready
        }
        switch action {
        case .none: break
        case .flush: asksForFlush = true
        case .resolve(let resolutions):
            resolve(resolutions)
            asksForFlush = true
        case .ready(let resolutions, let lost):
            if let lost { tell("lost \(lost)") }
            resolve(resolutions)
            asksForFlush = true
        case .fail(let error): lose(error)
        }
        if !session.takeGivenUp().isEmpty, schedule.kind != .removals, schedule.keepsAll {
            violate("a confirmed message was given up")
        }
        bringForward()
    }

    func lose(_ error: RedisError) {
        guard let connection else { return }
        tell("the connection to \(connection.node.name) is lost: \(error)")
        connection.isClosed = true
        let holds = [nil, 0, 30, 1_000, 4_000, 20_000, 200_000]
        connection.lateMilliseconds = random.pick(holds).map { $0 + random.integer(0...$0) }
        self.connection = nil
        asksForFlush = false
        resolve(session.lost(error, now: now))
        switch breakage {
        case .forgetsFences: session.lineage = ProducerLineage()
        case .forgetsHistory: session.history = ProducerHistory(schedule.limits)
        case .forgetsUnresolved:
            for batch in session.unresolved { session.forget(batch) }
            session.unresolved = []
        case .resolvesTwice: if let lastResolution { resolve([lastResolution]) }
        default: break
        }
        let pause = schedule.kind == .gentle ? 20...100 : 20...400
        after(random.integer(pause), .then { [unowned self] in connect() })
        bringForward()
    }
}

extension SimulationRandom: RandomNumberGenerator {}
