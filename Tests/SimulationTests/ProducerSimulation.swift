@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A producer session against models of several Redis servers, of the network and of callers, in
/// virtual time. Everything that happens follows from the seed.
final class ProducerSimulation {
    typealias Node = ProducerSimulationNode
    typealias Session = ProducerSession<Int>

    /// A connection of the client, from its begin to its end.
    final class Connection {
        let node: Node
        var parser = RESPCommandParser()
        var commands: [[String]] = []
        var isClosed = false
        var isFull = false
        /// Redis executes nothing of it: `WAIT`.
        var isBlocked = false
        /// How many steps there were after its last write.
        var lastWrite = 0
        /// How long what was under way at its end is held; nil: it is lost.
        var lateMilliseconds: Int?
        var arrivesAtServer = ProducerSimulation.start
        var arrivesAtClient = ProducerSimulation.start

        init(_ node: Node) { self.node = node }
    }

    enum Event {
        case submit(Int)
        case fault(ProducerSimulationSchedule.Fault)
        case connected(Connection)
        case toServer(Connection, [UInt8], isLate: Bool)
        case toClient(Connection, RedisReply)
        case closedByServer(Connection)
        case writable(Connection)
        case waitOver(Connection)
        case then(() -> Void)
    }

    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    static let sweepMilliseconds = 20
    /// Of the handler: when a connection that does not answer is given up.
    static let replyTimeoutMilliseconds = 2_500
    private static let stepsMax = 50_000

    let schedule: ProducerSimulationSchedule
    let breakage: ProducerBreakage?
    let call: ProducerCall
    var random: SimulationRandom
    var now = ProducerSimulation.start
    var queue = EventQueue<Event>()
    private(set) var violation: String?
    private(set) var transcript: [String] = []
    private let isTold: Bool

    var session: Session
    var connection: Connection?
    var asksForFlush = false
    var progressAt = ProducerSimulation.start
    var nextSweep = ProducerSimulation.start
    var logins = 0

    var nodes: [Node] = []
    /// The Redis that a connect leads to.
    var target = 0
    var masterships = 0
    var laggingUntil = ProducerSimulation.start

    var outcomes: [Int: Result<Session.Outcome, RedisFailure>] = [:]
    var submittedAt: [Int: MonotonicTime] = [:]
    var appliedCounts: [String: Int] = [:]
    var lastResolution: Session.Resolution?

    init(seed: UInt64, breakage: ProducerBreakage? = nil, isTold: Bool = false) {
        var random = SimulationRandom(seed: seed)
        schedule = ProducerSimulationSchedule(&random)
        self.random = random
        self.breakage = breakage
        self.isTold = isTold
        call = ProducerCall(
            script: RedisScript("return 'a batch'", keys: 0, arguments: 0),
            sessionKey: Array("session".utf8), queueKeys: [Array("queue".utf8)], queueWords: [],
            wordsPerMessage: 2)
        session = Session(call, limits: schedule.limits, barrier: schedule.barrier)
        for index in 0..<3 {
            let node = Node(name: "R\(index)", process: index, breakage: breakage)
            node.clockOffset = 1_700_000_000_000 + random.integer(-3_000...3_000)
            node.onApplied = { [unowned self] in applied($0) }
            nodes.append(node)
        }
        promote(0)
        for (index, message) in schedule.messages.enumerated() {
            after(message.time, .submit(index))
        }
        for (time, fault) in schedule.faults { after(time, .fault(fault)) }
        after(
            ProducerSimulationSchedule.faultsEnd, .then { [unowned self] in heal() })
    }

    var elapsed: Int { now.milliseconds(since: ProducerSimulation.start) }

    func after(_ milliseconds: Int, _ event: Event) {
        queue.add(event, at: now.advanced(byMilliseconds: milliseconds))
    }

    func tell(_ line: @autoclosure () -> String) {
        if isTold { transcript.append("\(elapsed) ms: \(line())") }
    }

    func violate(_ rule: String) {
        guard violation == nil else { return }
        tell("VIOLATION: \(rule)")
        violation = rule
    }

    /// Runs until nothing more can happen; returns the rule that was broken, if any.
    func run() -> String? {
        connect()
        for _ in 0..<ProducerSimulation.stepsMax {
            let time = min(queue.nextTime, nextSweep)
            guard time < .never, violation == nil else { break }
            now = max(now, time)
            while queue.nextTime <= now { handle(queue.takeNext()) }
            if asksForFlush { flush() }
            if now >= nextSweep { sweep() }
            checkAccounts()
        }
        if violation == nil { checkEnd() }
        return violation
    }

    private func handle(_ event: Event) {
        switch event {
        case .submit(let index): submit(index)
        case .fault(let fault): begin(fault)
        case .connected(let connection): connected(connection)
        case .toServer(let connection, let bytes, let isLate):
            arriveAtServer(connection, bytes, isLate)
        case .toClient(let connection, let reply):
            if connection === self.connection { received(reply) }
        case .closedByServer(let connection):
            if connection === self.connection { lose(.connectionLost) }
        case .writable(let connection):
            connection.isFull = false
            if connection === self.connection { asksForFlush = true }
        case .waitOver(let connection): endWait(connection)
        case .then(let body): body()
        }
    }

    /// As the handler's: looks at deadlines, and at replies that do not come.
    private func sweep() {
        if session.deadline <= now { resolve(session.expire(now, .timedOut)) }
        let giveUp = progressAt.advanced(
            byMilliseconds: ProducerSimulation.replyTimeoutMilliseconds)
        if connection != nil, session.isAwaiting, giveUp <= now { lose(.timedOut) }
        let isAtRest = session.deadline == .never && !session.isAwaiting && connection != nil
        nextSweep =
            isAtRest ? .never : now.advanced(byMilliseconds: ProducerSimulation.sweepMilliseconds)
        // Nothing but history is left: it need not be looked at so often.
        if !isAtRest, session.pendingCount == 0, !session.isAwaiting {
            nextSweep = max(nextSweep, min(session.deadline, now.advanced(byMilliseconds: 5_000)))
        }
        checkDeadlines()
    }

    func bringForward() {
        nextSweep = min(
            nextSweep, now.advanced(byMilliseconds: ProducerSimulation.sweepMilliseconds))
    }
}
