@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A producer's connection to one node, as `ClusterNode` and `OutgoingConnection` have it.
final class ClusterSimulationLink {
    let address: RedisAddress
    var machine: PartitionedProducerMachine<Int>
    /// Of the connection that is open or being opened; each has another one.
    var number = 0
    var isConnected = false
    var parser = RESPCommandParser()
    /// No command overtakes one that was sent before, and no reply.
    var lastArrival = VirtualTime.start
    var lastReply = VirtualTime.start
    /// The server's side: `ASKING` was the last command.
    var isAsking = false

    init(_ address: RedisAddress, _ machine: PartitionedProducerMachine<Int>) {
        self.address = address
        self.machine = machine
    }
}

extension ClusterSimulation {
    func connect(_ link: ClusterSimulationLink) {
        link.number += 1
        let (number, node) = (link.number, cluster.node(at: link.address))
        after(random.integer(1...5)) { [unowned self] in
            guard link.number == number else { return }
            guard node.isUp else {
                return lose(link, .connectFailed(SystemError(code: 111, call: "connect")))
            }
            tell("connected to \(link.address.port)")
            link.isConnected = true
            link.parser = RESPCommandParser()
            link.isAsking = false
            send(link.machine.connected(now: now), link)
        }
    }

    /// The connection has ended, and is made anew after a pause.
    func lose(_ link: ClusterSimulationLink, _ error: RedisError) {
        tell("lost \(link.address.port): \(error)")
        link.isConnected = false
        link.number += 1
        resolve(link.machine.lost(error, now: now))
        routes.lost(link.address, now: now)
        after(random.integer(50...250)) { [unowned self] in
            // It may be closed meanwhile.
            if links[link.address] === link { connect(link) }
        }
    }

    func flush(_ link: ClusterSimulationLink) {
        guard link.isConnected else { return }
        do {
            try link.machine.flush(now: now) { bytes, position throws(SystemError) in
                send(Array(bytes[position...]), link)
                return bytes.count - position
            }
        } catch { lose(link, .connectionLost) }
    }

    private func send(_ bytes: [UInt8], _ link: ClusterSimulationLink) {
        link.parser.feed(bytes[...])
        let number = link.number
        while let words = link.parser.next() {
            let isSlow = elapsed < Self.faultsEnd && random.chance(3)
            let delay = isSlow ? random.integer(1...3_000) : random.integer(0...3)
            link.lastArrival = max(
                link.lastArrival, now.advanced(byMilliseconds: delay))
            at(link.lastArrival) { [unowned self] in arrived(words, link, number) }
        }
    }

    /// A command of a connection that has ended meanwhile may still arrive.
    private func arrived(_ words: [String], _ link: ClusterSimulationLink, _ number: Int) {
        let node = cluster.node(at: link.address)
        let isLate = link.number != number
        guard node.isUp, !isLate || random.chance(70) else { return }
        if now < node.frozenUntil {
            return at(node.frozenUntil) { [unowned self] in arrived(words, link, number) }
        }
        let isAsking = isLate ? false : exchange(&link.isAsking, with: words[0] == "ASKING")
        let reply =
            words[0] == "ASKING"
            ? RedisReply.status(Array("OK".utf8))
            : node.login.reply(to: words, now) ?? execute(words, at: node, isAsking: isAsking)
        if words[0] == "EVALSHA" {
            let told = words.dropFirst(3).joined(separator: " ")
            tell(
                "\(node.address.port)\(isLate ? " (late)" : "") executes \(told): \(reply.words)")
        }
        guard !isLate else { return }
        link.lastReply = max(
            link.lastReply, now.advanced(byMilliseconds: random.integer(0...3)))
        at(link.lastReply) { [unowned self] in received(reply, link, number) }
    }

    private func received(_ reply: RedisReply, _ link: ClusterSimulationLink, _ number: Int) {
        guard link.number == number, link.isConnected else { return }
        switch link.machine.received(reply, now: now) {
        case .none, .flush: break
        case .ready(let resolutions), .resolveAll(let resolutions), .renew(let resolutions):
            resolve(resolutions)
        case .resolve(let resolution): resolve([resolution])
        case .fail(let error): lose(link, error)
        }
    }
}
