@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The producer of a cluster's partitions, driven as `ClusterProducer` drives its machines, against
/// a model of a cluster whose slots move and whose masters fail, in virtual time. Everything that
/// happens follows from the seed.
///
/// A turn of the network is a command and its reply: `ProducerSimulation` has the fragments.
final class ClusterSimulation: SeededSimulation {
    typealias Machine = PartitionedProducerMachine<Int>
    typealias Outcome = Result<ProducerOutcome, RedisFailure>

    struct Message: SimulatedMessage {
        let id: String
        let key: String?
        let partition: Int
        let time: Int
        let isProbe: Bool
    }

    static let partitionCount = 4
    static let faultsEnd = 30_000
    private static let endTime = VirtualTime.start.advanced(byMilliseconds: 70_000)
    private static let stepsMax = 60_000

    var random: SimulationRandom
    let breakage: ClusterBreakage?
    private let isTold: Bool
    private(set) var transcript: [String] = []
    private(set) var violation: String?

    var now = VirtualTime.start
    private var queue = EventQueue<() -> Void>()
    private var nextSweep = VirtualTime.start
    private var lastSweep = VirtualTime.start

    // The producer.
    let limits: ProducerLimits
    private let partitions: ProducerPartitions
    let slots: [HashSlot]
    var topology: ClusterTopology
    var routes: ClusterRoutes
    private var lobby: Machine
    var links: [RedisAddress: ClusterSimulationLink] = [:]

    // The cluster.
    var cluster: SimulatedCluster

    var messages: [Message] = []
    private var outcomes: [Int: Outcome] = [:]
    private var submittedAt: [Int: MonotonicTime] = [:]

    init(seed: UInt64, breakage: ClusterBreakage? = nil, isTold: Bool = false) throws {
        var random = SimulationRandom(seed: seed)
        self.breakage = breakage
        self.isTold = isTold
        var limits = ProducerLimits()
        limits.batchMax = random.pick([1, 3, 8])
        limits.batchesInFlightMax = random.pick([1, 2, 8])
        limits.historyMilliseconds = 90_000
        limits.historyBytesMax *= Self.partitionCount
        self.limits = limits.forPartitions(Self.partitionCount)
        partitions = ProducerPartitions(
            count: Self.partitionCount,
            call: { partition in
                ProducerCall(
                    script: ProducerSimulationNode.script,
                    sessionKey: Array("session:{s:\(partition)}".utf8),
                    queueKeys: [Array("{s:\(partition)}".utf8)], queueWords: [])
            },
            slot: { HashSlot(ofKey: "{s:\($0)}".utf8) })
        slots = (0..<Self.partitionCount).map(partitions.slot)
        cluster = SimulatedCluster(
            partitionCount: Self.partitionCount, breakage, &random)
        topology = ClusterTopology(
            seeds: [cluster.nodes[0].address],
            backoff: Backoff(millisecondsMin: 50, millisecondsMax: 500), now: now)
        routes = ClusterRoutes(slots)
        lobby = try ClusterSimulation.machine(partitions, limits)
        self.random = random
        routes.isOpen = true
        addMessages()
        addFaults()
    }

    private static func machine(
        _ partitions: ProducerPartitions, _ limits: ProducerLimits
    ) throws -> Machine {
        Machine(
            url: try RedisURL("redis://h"), partitions, limits: limits,
            replyTimeoutMilliseconds: 2_000, barrier: nil, isNode: true, now: VirtualTime.start)
    }

    private func addMessages() {
        var time = 0
        let isKeyed = random.pick([0, 30, 60])
        let count = random.integer(20...80)
        for number in 0..<count {
            if random.chance(40) { time += random.integer(1...600) }
            let partition = random.integer(0...Self.partitionCount - 1)
            // A key has its user's partition.
            let key =
                random.chance(isKeyed) ? "key-\(partition)-\(random.integer(0...count))" : nil
            messages.append(
                Message(
                    id: "m\(number)", key: key, partition: partition, time: time, isProbe: false))
        }
        for partition in 0..<Self.partitionCount {
            messages.append(
                Message(
                    id: "probe\(partition)", key: nil, partition: partition,
                    time: Self.faultsEnd + 10_000, isProbe: true))
        }
        for (index, message) in messages.enumerated() {
            after(message.time) { [unowned self] in submit(index) }
        }
    }

    // MARK: - Time

    var elapsed: Int { now.milliseconds(since: VirtualTime.start) }

    func after(_ milliseconds: Int, _ body: @escaping () -> Void) {
        queue.add(body, at: now.advanced(byMilliseconds: milliseconds))
    }

    func at(_ time: MonotonicTime, _ body: @escaping () -> Void) { queue.add(body, at: time) }

    func tell(_ line: @autoclosure () -> String) {
        if isTold { transcript.append("\(elapsed) ms: \(line())") }
    }

    func violate(_ rule: String) {
        tell("VIOLATION: \(rule)")
        if violation == nil { violation = rule }
    }

    func run() -> String? {
        for _ in 0..<Self.stepsMax {
            let time = min(queue.nextTime, nextSweep)
            guard violation == nil, time < Self.endTime else { break }
            now = max(now, time)
            while queue.nextTime <= now { queue.takeNext()() }
            if nextSweep <= now { sweep() }
            turn()
        }
        if min(queue.nextTime, nextSweep) < Self.endTime { violate("it does not end") }
        if violation == nil { checkEnd() }
        return violation
    }

    // MARK: - Messages

    private func submit(_ index: Int) {
        let message = messages[index]
        submittedAt[index] = now
        tell("\(message.id) \(message.key ?? "") is submitted to \(message.partition)")
        let body: (inout Machine) -> RedisSubmitAction = { [now] machine in
            machine.submit(
                index, partition: message.partition, now: now,
                message.traits, keys: { message.addKey(to: &$0) },
                words: { message.addWords(to: &$0) })
        }
        let action =
            if let address = routes.address(of: message.partition), let link = links[address] {
                body(&link.machine)
            } else {
                body(&lobby)
            }
        if case .reject(let failure) = action { resolve(index, .failure(failure)) }
    }

    func resolve(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions { resolve(resolution.waiter, resolution.result) }
    }

    private func resolve(_ index: Int, _ outcome: Outcome) {
        let message = messages[index]
        tell("\(message.id) is told \(outcome)")
        if outcomes.updateValue(outcome, forKey: index) != nil {
            violate("\(message.id) is told twice")
        }
        if message.isProbe, case .failure = outcome {
            violate("\(message.id) fails though all is in order")
        }
    }

    // MARK: - The producer's turn

    private func sweep() {
        lastSweep = now
        for link in sortedLinks where link.machine.deadline <= now {
            let (resolutions, stalls) = link.machine.deadlineReached(now: now)
            resolve(resolutions)
            if stalls { lose(link, .timedOut) }
        }
        resolve(lobby.deadlineReached(now: now).resolutions)
        let isAway = links.values.contains { !$0.machine.isReady }
        let (resumed, refreshes) = routes.deadlineReached(now: now, isAway: isAway)
        for partition in resumed {
            guard let address = routes.address(of: partition) else { continue }
            links[address]?.machine.resume(partition)
        }
        if refreshes { topology.staled() }
        if case .ask(let address) = topology.deadlineReached(now: now) { ask(address) }
        let waitMax = limits.messageTimeoutMilliseconds + VirtualTime.sweepMilliseconds
        for (index, time) in submittedAt where outcomes[index] == nil {
            if now.milliseconds(since: time) > waitMax {
                violate("\(messages[index].id) waits for longer than it has time")
            }
        }
    }

    /// In an order that the seed decides.
    private var sortedLinks: [ClusterSimulationLink] {
        links.values.sorted { $0.address.port < $1.address.port }
    }

    private func turn() {
        for link in sortedLinks { notice(link) }
        follow()
        for link in sortedLinks { flush(link) }
        let pause = lastSweep.advanced(byMilliseconds: VirtualTime.sweepMilliseconds)
        nextSweep = max(earliestDeadline, pause)
    }

    private var earliestDeadline: MonotonicTime {
        links.values.reduce(min(lobby.deadline, routes.deadline, topology.deadline)) {
            min($0, $1.machine.deadline)
        }
    }

    private func notice(_ link: ClusterSimulationLink) {
        while link.machine.hasLosses {
            let losses = link.machine.takeLosses()
            if let lost = losses.lost { tell("lost \(lost)") }
            if losses.givenUp.contains(where: { $0.reason != .closed }) {
                violate("a confirmed message was given up")
            }
        }
        for redirection in link.machine.takeRedirections() {
            let notice = routes.redirected(
                redirection.partition, redirection.error,
                concernsSession: redirection.concernsSession || breakage == .followsAnyASK,
                by: link.address, now: now)
            switch notice {
            case .none: break
            case .staled: topology.staled()
            case .moved(let slot, let address):
                if case .changed = topology.redirected(slot, to: address) {
                    routes.learned(topology.view)
                }
            }
        }
    }

    private func follow() {
        for move in routes.moves() {
            let partition = move.partition
            tell(
                "the session of \(partition) goes to \(move.address.map { "\($0.port)" } ?? "-")"
                    + (move.asks ? ", asking" : ""))
            var departure = lobby.detach(partition, now: now)
            for link in sortedLinks where departure == nil {
                departure = link.machine.detach(partition, now: now)
            }
            let new = move.address.map(link)
            new?.machine.setAsks(move.asks, partition)
            guard let (departed, resolutions) = departure else { continue }
            var session = departed
            if breakage == .forgetsHistory { session.history = ProducerHistory(session.limits) }
            if let new {
                new.machine.attach(session, partition: partition)
            } else {
                lobby.attach(session, partition: partition)
            }
            resolve(resolutions)
        }
        let homes = Set(slots.indices.compactMap { routes.address(of: $0) })
        for link in sortedLinks where !homes.contains(link.address) {
            link.number += 1
            resolve(link.machine.close())
            links[link.address] = nil
        }
    }

    private func link(to address: RedisAddress) -> ClusterSimulationLink {
        if let link = links[address] { return link }
        var machine = lobby
        do { machine = try ClusterSimulation.machine(partitions, limits) } catch {
            violate("\(error)")
        }
        let link = ClusterSimulationLink(address, machine)
        links[address] = link
        connect(link)
        return link
    }

    // MARK: - The map

    private func ask(_ address: RedisAddress) {
        tell("\(address.port) is asked for the map")
        let node = cluster.node(at: address)
        after(random.integer(1...30)) { [unowned self] in
            guard node.isUp, node.frozenUntil <= now else {
                after(500) { [unowned self] in
                    topology.failed(now: now, jitter: random.fraction())
                }
                return
            }
            if case .changed = topology.received(cluster.map(slots)) {
                routes.learned(topology.view)
            }
        }
    }

    // MARK: - Rules

    private func checkEnd() {
        for index in messages.indices where outcomes[index] == nil {
            violate("\(messages[index].id) waits for ever")
        }
        for partition in 0..<Self.partitionCount { check(partition) }
    }

    private func check(_ partition: Int) {
        let data = cluster.owner(of: partition).data[partition]
        var counts: [String: Int] = [:]
        for id in data.log { counts[id, default: 0] += 1 }
        if let twice = counts.first(where: { $0.value > 1 }) {
            violate("\(twice.key) is there \(twice.value) times")
        }
        var keys: Set<String> = []
        for (index, message) in messages.enumerated() where message.partition == partition {
            let isThere = counts[message.id] != nil
            if isThere, let key = message.key, !keys.insert(key).inserted {
                violate("\(key) is used twice")
            }
            switch outcomes[index] {
            case .failure(.notExecuted) where isThere:
                violate("\(message.id) is there, and is told that it was not executed")
            case .success(.applied) where !isThere:
                // Another attempt with the key, at a master that took over, was faster.
                if message.key.map({ data.records[$0] == nil }) ?? true {
                    violate("\(message.id) was confirmed, and is lost")
                }
            default: break
            }
        }
    }
}

/// Deliberate errors, which the simulation must detect.
enum ClusterBreakage: CaseIterable {
    /// A session goes where any `ASK` points to.
    case followsAnyASK
    /// A copy of a batch that the node before still has may be applied.
    case noFence
    /// Redis applies a batch whose beginning it has applied.
    case noSkip
    case forgetsHistory

    /// What a node does wrong.
    var ofNodes: ProducerBreakage? {
        switch self {
        case .noFence: .noFence
        case .noSkip: .noSkip
        case .followsAnyASK, .forgetsHistory: nil
        }
    }
}
