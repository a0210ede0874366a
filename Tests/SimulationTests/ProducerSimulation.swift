import DequeModule

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A producer session and its callers, against models of several Redis servers.
final class ProducerSimulation:
    ConnectionSimulation<ProducerStateMachine<Int>, ProducerSimulationNode>
{
    typealias Node = ProducerSimulationNode
    typealias Machine = ProducerStateMachine<Int>
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
        let call = ProducerCall(
            script: Node.script, sessionKey: Array("session".utf8),
            queueKeys: [Array("queue".utf8)], queueWords: [])
        let limits = RedisLimits()
        super.init(
            Machine(
                url: schedule.url, call, limits: schedule.limits,
                replyTimeoutMilliseconds: limits.replyTimeoutMilliseconds,
                barrier: schedule.barrier, now: VirtualTime.start),
            limits: limits, random: random, isTold: isTold)
        for index in 0..<3 {
            let node = Node(name: "R\(index)", process: index, breakage: breakage)
            node.clockOffset = 1_700_000_000_000 + self.random.integer(-3_000...3_000)
            node.onApplied = { [unowned self] in applied($0) }
            nodes.append(node)
        }
        promote(0)
        for (index, message) in schedule.messages.enumerated() {
            after(message.time) { [unowned self] in submit(index) }
        }
        for (time, fault) in schedule.faults { after(time) { [unowned self] in begin(fault) } }
        after(ProducerSimulationSchedule.faultsEnd) { [unowned self] in heal() }
        if let time = schedule.closesAt { after(time) { [unowned self] in closeByOwner() } }
    }

    // MARK: - Callers

    private func submit(_ index: Int) {
        let message = schedule.messages[index]
        submittedAt[index] = now
        tell("\(message.id) \(message.key ?? "") is submitted")
        let failure = submit {
            $0.submit(
                index, now: now, ProducerTraits(isKeyed: message.key != nil),
                keys: { command in
                    guard let key = message.key else { return 0 }
                    command.word(key)
                    return 1
                },
                words: {
                    $0.word(message.id)
                    $0.word(message.key == nil ? "-" : "keyed")
                    return 2
                })
        }
        if let failure { resolve(index, .failure(failure)) }
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

    override func checkTurn() { checkLosses() }

    override func checkDeadlines() {
        checkWaits()
        checkAccounts()
    }

    override func checkEnd() { checkMessages() }

    // MARK: - Broken on purpose

    override func received(_ reply: RedisReply) -> RedisConnectionAction<Machine.Resolution> {
        var reply = reply
        if breakage == .ignoresBarriers, case .barrier? = machine.session.awaited.first {
            reply = .integer(1)
        }
        let action = super.received(reply)
        if breakage == .reusesNumbersWithoutDraining,
            case .draining(let free) = machine.session.state
        {
            machine.session.next = free
            machine.session.state = .ready
        }
        return action
    }

    override func machineLost() {
        switch breakage {
        case .forgetsFences: machine.session.lineage = ProducerLineage()
        case .forgetsHistory: machine.session.history = ProducerHistory(schedule.limits)
        case .forgetsUnresolved:
            for batch in machine.session.unresolved { machine.session.forget(batch) }
            machine.session.unresolved = []
        case .resolvesTwice: if let lastResolution { resolve([lastResolution]) }
        default: break
        }
    }
}

extension SimulationRandom: RandomNumberGenerator {}
