@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The servers, the way to them, and what goes wrong there.
extension ProducerSimulation {
    var master: Node { nodes[target] }

    func promote(_ index: Int) {
        masterships += 1
        (nodes[index].isMaster, nodes[index].run) = (true, "mastership \(masterships)")
        target = index
        let state = nodes[index].sessions.sorted { $0.key < $1.key }.map { "\($0.value)" }
            .joined(separator: " ")
        let entries = nodes[index].log.count
        tell("\(nodes[index].name) is the master with sessions [\(state)], \(entries) entries")
        for node in nodes { node.acknowledged = min(node.acknowledged, nodes[index].steps.count) }
    }

    // MARK: - Commands

    func executeAll(_ connection: Connection) {
        let node = connection.server
        guard node.isUp, !connection.isClosedByServer, now >= node.frozenUntil else { return }
        while !connection.isBlocked, let words = nextCommand(connection) {
            if words[0] == "WAIT" { return wait(connection) }
            let before = node.steps.count
            let result = node.login.reply(to: words, now) ?? execute(words, connection)
            if node.steps.count > before { connection.lastWrite = node.steps.count }
            let told = words[0] == "EVALSHA" ? words.dropFirst(3) : words[...0]
            let late = connection.isClosedByClient ? " (late)" : ""
            tell(
                "\(node.name) executes \(told.joined(separator: " ")): \(result.words)\(late)")
            reply(result, over: connection)
        }
    }

    private func execute(_ words: [String], _ connection: Connection) -> RedisReply {
        let node = connection.server
        if words[1] == ProducerScripts.open.digest
            || words[1] == ProducerScripts.openWithRefusals.digest
        {
            return node.open(words[3], now, login: connection.number)
        }
        if machine.isNode, isRough, random.chance(4) {
            return .error(RedisServerError(message: "TRYAGAIN the slot moves"))
        }
        guard node.isMaster else { return .error(RedisServerError(message: "READONLY replica")) }
        if words[1] == ProducerScripts.fence.digest {
            guard let number = Int(words[4]), let fence = Int(words[5]) else { return .null }
            return node.fence(words[3], from: number, to: fence)
        }
        guard let keyCount = Int(words[2]), let before = Int(words[3 + keyCount]),
            let deadline = Int(words[5 + keyCount])
        else { return .null }
        // The session, the queue and the refusals come before the keys of the messages.
        var keys = words[(schedule.isLimited ? 6 : 5)..<(3 + keyCount)]
        var traits = words[6 + keyCount].utf8[...]
        let rest = words[(7 + keyCount)...]
        let messages = stride(from: rest.startIndex, to: rest.endIndex, by: 2).map { index in
            let digit = (traits.popFirst() ?? 0) - UInt8(ascii: "0")
            return Node.Message(
                id: rest[index], key: rest[index + 1] == "keyed" ? keys.popFirst() : nil,
                isExempt: digit >= ProducerTraits.exemptBit)
        }
        let answer = node.batch(
            words[3], first: before + 1, deadline: deadline, messages,
            stopAt: random.integer(0...messages.count),
            now)
        return node.denial.map { .error(RedisServerError(message: $0)) } ?? answer
    }

    // MARK: - Replicas

    private func wait(_ connection: Connection) {
        connection.isBlocked = true
        // One replica has it soon, or none in time.
        let replicas = nodes.filter { !$0.isMaster }
        let isFine =
            schedule.kind == .gentle || elapsed > ProducerSimulationSchedule.faultsEnd
        var pause = 1_800
        if isFine || random.chance(80), let replica = replicas.randomElement(using: &random) {
            replica.acknowledged = max(
                replica.acknowledged,
                random.integer(
                    connection.lastWrite...max(connection.lastWrite, connection.server.steps.count))
            )
            pause = random.integer(0...20)
        }
        after(pause) { [unowned self] in endWait(connection) }
    }

    private func endWait(_ connection: Connection) {
        connection.isBlocked = false
        let node = connection.server
        guard node.isUp else { return }
        let count = nodes.filter { !$0.isMaster && $0.acknowledged >= connection.lastWrite }.count
        // A master that another one has replaced has no replicas any more.
        let told = RedisReply.integer(node === master ? Int64(count) : 0)
        reply(
            node.isMaster ? told : .error(RedisServerError(message: "UNBLOCKED")), over: connection)
        executeAll(connection)
    }

    // MARK: - Faults

    func begin(_ fault: ProducerSimulationSchedule.Fault) {
        tell("fault: \(fault)")
        let node = master
        switch fault {
        case .cut: cut()
        case .freeze: freeze(node)
        case .lag:
            laggingUntil = now.advanced(byMilliseconds: random.integer(500...6_000))
        case .crash: crash(node)
        case .failover: failover(isFrozen: random.chance(50))
        case .failoverAndBack:
            let index = target
            failover(isFrozen: false)
            nodes[index].replace(with: master.steps)
            nodes[index].isMaster = false
            demote(target)
            promote(index)
        case .comeback:
            let others = nodes.indices.filter { $0 != target && nodes[$0].isMaster }
            if let index = others.randomElement(using: &random) {
                target = index
                tell("\(nodes[index].name) is the master again")
                cut()
            }
        case .flush: node.append([.flushed])
        case .evict: node.append([.evicted])
        case .overwrite: node.append([.overwritten])
        case .refuse:
            node.refusal = random.pick(Node.Refusal.allCases)
            after(random.integer(10...4_000)) { node.refusal = nil }
        case .deny:
            node.denial = random.pick(["ERR Server closed connection", "upstream failure"])
            after(random.integer(1...500)) { node.denial = nil }
        case .refuseLogin:
            node.login.refusedUntil = now.advanced(byMilliseconds: random.integer(10...4_000))
        case .jump: node.clockOffset += random.integer(-8_000...8_000)
        }
    }

    /// The faults are over; with splits, an earlier master may still be one.
    func heal() {
        nodes[target].frozenUntil = min(nodes[target].frozenUntil, now)
        connections.forEach(executeAll)
        for index in nodes.indices where index != target {
            if schedule.barrier != nil || schedule.kind != .splits { demote(index) }
        }
    }

    private func crash(_ node: Node) {
        guard node.isUp else { return }
        let count = node.steps.count
        node.isUp = false
        node.login.forgetScripts()
        for connection in connections where connection.server === node {
            closeByServer(connection, isSilent: false)
        }
        let kept = random.integer(max(0, count - 6)...count)
        after(random.integer(50...2_000)) { [unowned self] in
            node.replace(with: node.steps.prefix(kept))
            node.isUp = true
            node.login.loadingUntil = now.advanced(byMilliseconds: random.integer(0...500))
            node.restart(process: 100 + masterships)
            if let index = nodes.firstIndex(where: { $0 === node }), node.isMaster {
                let target = self.target
                promote(index)
                if index != target { self.target = target }
            }
        }
    }

    private func freeze(_ node: Node) {
        let end = now.advanced(byMilliseconds: random.integer(100...7_000))
        node.frozenUntil = max(node.frozenUntil, end)
        queue.add(.then { [unowned self] in connections.forEach(executeAll) }, at: end)
    }

    private func failover(isFrozen: Bool) {
        let (old, oldIndex) = (master, target)
        let replicas = nodes.indices.filter { !nodes[$0].isMaster && nodes[$0].isUp }
        guard let index = replicas.randomElement(using: &random) else { return }
        let replica = nodes[index]
        let count = old.steps.count
        let least = max(min(replica.acknowledged, count), count - 6)
        replica.replace(with: old.steps.prefix(random.integer(max(least, 0)...count)))
        promote(index)
        if isFrozen {
            freeze(old)
        } else if random.chance(50) {
            closeAll(old)
        }
        // It may believe for a while that it is the master; with splits, for ever.
        if schedule.kind != .splits || random.chance(40) {
            after(random.integer(0...9_000)) { [unowned self] in
                if target != oldIndex { demote(oldIndex) }
            }
        }
    }

    /// The node follows the master.
    private func demote(_ index: Int) {
        nodes[index].isMaster = false
        nodes[index].replace(with: master.steps)
        nodes[index].acknowledged = master.steps.count
        closeAll(nodes[index])
    }

    private func closeAll(_ node: Node) {
        if let connection, connection.server === node {
            after(random.integer(1...50), .endOfStream(connection))
        }
    }
}
