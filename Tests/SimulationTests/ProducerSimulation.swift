import DequeModule

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A producer's sessions and its callers, against models of several Redis servers.
final class ProducerSimulation<Machine: SimulatedProducer>:
    ConnectionSimulation<Machine, ProducerSimulationNode>
{
    typealias Node = ProducerSimulationNode
    typealias Result = Swift.Result<ProducerOutcome, RedisFailure>

    let schedule: ProducerSimulationSchedule
    let breakage: ProducerBreakage?

    var nodes: [Node] = []
    /// The Redis that a connect leads to.
    var target = 0
    var masterships = 0
    var laggingUntil = VirtualTime.start

    var outcomes: [Int: Result] = [:]
    var submittedAt: [Int: MonotonicTime] = [:]
    var appliedCounts: [String: Int] = [:]
    private var lastResolution: Machine.Resolution?

    init(seed: UInt64, breakage: ProducerBreakage? = nil, isTold: Bool = false) throws {
        var random = SimulationRandom(seed: seed)
        schedule = try ProducerSimulationSchedule(&random)
        self.breakage = breakage
        let isAlone = Machine.partitionCount == 1
        let machine = Machine(simulating: schedule) { [schedule] partition in
            ProducerCall(
                script: Node.script,
                sessionKey: Array((isAlone ? "session" : "session-\(partition)").utf8),
                queueKeys: [Array("queue".utf8)], queueWords: [],
                tellsOfEach: schedule.isLimited)
        }
        super.init(machine, limits: RedisLimits(), random: random, isTold: isTold)
        for index in 0..<3 {
            let node = Node(name: "R\(index)", process: index, breakage: breakage)
            node.clockOffset = 1_700_000_000_000 + self.random.integer(-3_000...3_000)
            node.onApplied = { [unowned self] in applied($0) }
            node.isLimited = schedule.isLimited
            // The probes are within the limit.
            node.isOver = { [unowned self] in
                elapsed < ProducerSimulationSchedule.faultsEnd && self.random.chance(30)
            }
            nodes.append(node)
        }
        promote(0)
        for (index, message) in schedule.messages.enumerated() {
            after(message.time) { [unowned self] in submit(index) }
        }
        for (time, fault) in schedule.faults { after(time) { [unowned self] in begin(fault) } }
        for time in schedule.renewals {
            after(time) { [unowned self] in renew(schedule.renewedURL) }
        }
        after(ProducerSimulationSchedule.faultsEnd) { [unowned self] in heal() }
        if Machine.partitionCount > 1 {
            for _ in 0..<self.random.integer(0...6) {
                after(self.random.integer(0...ProducerSimulationSchedule.faultsEnd)) {
                    [unowned self] in move()
                }
            }
        }
        if let time = schedule.closesAt { after(time) { [unowned self] in closeByOwner() } }
    }

    // MARK: - Callers

    private func submit(_ index: Int) {
        let message = schedule.messages[index]
        submittedAt[index] = now
        tell("\(message.id) \(message.key ?? "") is submitted")
        let failure = submit {
            $0.submit(
                index, partition: Machine.partition(of: message.key ?? message.id), now: now,
                message.traits, keys: { message.addKey(to: &$0) },
                words: { message.addWords(to: &$0) })
        }
        if let failure { resolve(index, .failure(failure)) }
    }

    /// A session leaves as for another node, and comes back.
    private func move() {
        guard !isClosed else { return }
        let partition = random.integer(0...Machine.partitionCount - 1)
        tell("the session of partition \(partition) leaves and returns")
        resolve(machine.leaveAndReturn(partition, now: now))
        asksForFlush = true
    }

    private func resumeRedirected() {
        for partition in machine.takeRedirected() {
            after(random.integer(0...800)) { [unowned self] in
                machine.resume(partition)
                asksForFlush = true
            }
        }
    }

    private func closeByOwner() {
        if random.chance(50) { flush() }
        close()
        if outcomes.count < submittedAt.count { violate("close leaves somebody waiting") }
    }

    override func resolve(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions {
            lastResolution = resolution
            resolve(resolution.waiter, resolution.result)
        }
    }

    // MARK: - Servers

    override func chooseServer() -> Node {
        let masters = nodes.filter { $0.isMaster && $0.isUp }
        guard schedule.kind == .splits, random.chance(30) else { return master }
        return masters.randomElement(using: &random) ?? master
    }

    override func admit(_ connection: Connection) -> Admission {
        connection.server.isUp ? .accepted : .refused
    }

    override func busyUntil(_ server: Node) -> MonotonicTime { server.frozenUntil }

    override func process(_ connection: Connection) { executeAll(connection) }

    override func latency() -> Int {
        let lag = now < laggingUntil ? random.integer(0...4_000) : 0
        return (random.integer(1...8) + lag) * 1_000
    }

    override func holdTime() -> Int? {
        // A new session opens about 80 ms after the end of a connection.
        if random.chance(30) { return random.integer(30...150) }
        return random.pick([nil, 0, 30, 1_000, 4_000, 20_000, 200_000]).map {
            $0 + random.integer(0...$0)
        }
    }

    override var isRough: Bool {
        schedule.kind != .gentle && elapsed < ProducerSimulationSchedule.faultsEnd
    }

    // MARK: - Rules

    override func checkTurn() {
        checkLosses()
        resumeRedirected()
    }

    override func checkDeadlines() {
        checkWaits()
        checkAccounts()
    }

    override func checkRenewal() {
        for session in machine.sessions {
            for case .batch in session.awaited {
                violate("the connection is renewed before a batch is answered")
            }
        }
    }

    override func checkEnd() { checkMessages() }

    // MARK: - Broken on purpose

    override func received(_ reply: RedisReply) -> RedisConnectionAction<Machine.Resolution> {
        var reply = reply
        if breakage == .ignoresBarriers, machine.expectsBarrier { reply = .integer(1) }
        let action = super.received(reply)
        if breakage == .reusesNumbersWithoutDraining {
            changeSessions { session in
                guard case .draining(let free) = session.state else { return }
                session.next = free
                session.state = .ready
            }
        }
        return action
    }

    private func changeSessions(_ body: (inout ProducerSession<Int>) -> Void) {
        var sessions = machine.sessions
        for index in sessions.indices { body(&sessions[index]) }
        machine.sessions = sessions
    }

    override var renewsAtOnce: Bool { breakage == .renewsUnanswered }

    override func machineRestarted() {
        if breakage == .renewsUnanswered { forgetUnresolved() }
    }

    private func forgetUnresolved() {
        changeSessions { session in
            for batch in session.unresolved { session.forget(batch) }
            session.unresolved = []
        }
    }

    override func machineLost() {
        switch breakage {
        case .forgetsFences: changeSessions { $0.lineage = ProducerLineage() }
        case .forgetsHistory:
            changeSessions { $0.history = ProducerHistory(self.schedule.limits) }
        case .forgetsUnresolved: forgetUnresolved()
        case .resolvesTwice: if let lastResolution { resolve([lastResolution]) }
        default: break
        }
    }
}

extension SimulationRandom: RandomNumberGenerator {}
