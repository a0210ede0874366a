@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// The machines of a Redis connection against models of Redis, of the network and of callers, in
/// virtual time. Everything that happens follows from the seed.
final class RedisSimulation {
    enum Event {
        case submit(SimulatedPayment)
        case close
        case fault(RedisSchedule.Fault)
        case restarted(crash: Int)
        case stallEnded
        case resolverAnswers
        case connectDone(SimulatedConnection)
        case handshakeDone(SimulatedConnection)
        case toServer(SimulatedConnection, Int)
        /// The bytes in transit when the client closed its side.
        case lateToServer(SimulatedConnection)
        case toClient(SimulatedConnection, Int)
        case writable(SimulatedConnection)
        case endOfStream(SimulatedConnection)
        case repliesLeave(crash: Int)
        case safe(writes: Int, crash: Int)
        case barrierTimedOut(SimulatedConnection, Int)
    }

    /// The loop looks at deadlines no more often than this.
    static let sweepMilliseconds = 20
    private static let stepsMax = 20_000
    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    let schedule: RedisSchedule
    var random: SimulationRandom
    var now = RedisSimulation.start
    var queue = EventQueue<Event>()
    private(set) var violation: String?
    /// The trace, if this simulation prints one.
    private(set) var transcript: [String] = []
    private let isTold: Bool

    // The handler's part.
    var machine: any SimulatedMachine
    var reader = RedisReplyReader()

    // The outgoing connection's part.
    var outgoing: OutgoingConnectionStateMachine
    let usesTLS: Bool
    var hasResolver = false
    var connection: SimulatedConnection?
    var asksForFlush = false
    var nextSweep = MonotonicTime.never
    var isClosed = false

    // The server's part.
    let redis: SimulatedRedis
    var isUp = true
    var crashes = 0
    var stalledUntil = RedisSimulation.start
    var refusesUntil = RedisSimulation.start
    var swallowsUntil = RedisSimulation.start
    var lagsUntil = RedisSimulation.start
    var connections: [SimulatedConnection] = []
    var leaving: [(SimulatedConnection, [UInt8])] = []

    // The callers' part.
    var calls: [SimulatedCall] = []
    var unresolved: Set<Int> = []

    init(seed: UInt64, breakage: Breakage? = nil, isTold: Bool = false) throws {
        var random = SimulationRandom(seed: seed)
        let schedule = try RedisSchedule(&random)
        usesTLS = random.chance(25)
        self.schedule = schedule
        self.random = random
        outgoing = OutgoingConnectionStateMachine(
            usesTLS: usesTLS, attemptMilliseconds: schedule.limits.connectTimeoutMilliseconds,
            backoff: schedule.limits.backoff, now: now)
        self.isTold = isTold
        redis = SimulatedRedis(
            durability: schedule.durability, ignoresRecords: breakage == .scriptsIgnoreRecords,
            onlyReadsRecords: breakage == .scriptsOnlyReadRecords)
        let fresh = { (now: MonotonicTime) in
            RedisConnectionStateMachine<Int>(
                url: schedule.url, limits: schedule.limits,
                scripts: [schedule.isJob ? RQJob.script : StreamEntry.script],
                barrier: schedule.barrier, now: now)
        }
        if let breakage {
            machine = BrokenMachine(breakage, now: now, fresh)
        } else {
            machine = fresh(now)
        }
        addEvents()
    }

    private func addEvents() {
        for (time, payment) in schedule.payments { after(time, .submit(payment)) }
        for (time, fault) in schedule.faults { after(time, .fault(fault)) }
        if let time = schedule.closesAt { return after(time, .close) }
        for pause in [6_000, 6_001, 12_000] {
            let probe = SimulatedPayment(
                userID: 9, amount: 1, key: nil, retries: 0, isProbe: true)
            after(schedule.lastFaultEnd + pause, .submit(probe))
        }
    }

    /// Milliseconds since the beginning.
    var elapsed: Int { now.milliseconds(since: RedisSimulation.start) }

    func after(_ milliseconds: Int, _ event: Event) {
        queue.add(event, at: now.advanced(byMilliseconds: milliseconds))
    }

    func tell(_ line: @autoclosure () -> String) {
        if isTold { transcript.append("\(elapsed) ms: \(line())") }
    }

    func violate(_ rule: String) {
        tell("VIOLATION: \(rule)")
        if violation == nil { violation = rule }
    }

    // MARK: - Time

    /// Runs until nothing more can happen; returns the rule that was broken, if any.
    func run() -> String? {
        start()
        for _ in 0..<RedisSimulation.stepsMax {
            let time = min(queue.nextTime, nextSweep)
            guard time < .never, violation == nil else { break }
            now = max(now, time)
            while queue.nextTime <= now { handle(queue.takeNext()) }
            if asksForFlush { flush() }
            if now >= nextSweep { sweep() }
        }
        if violation == nil { checkEnd() }
        return violation
    }

    /// As `EventLoop.sweep`.
    private func sweep() {
        nextSweep = .never
        if !isClosed {
            if machine.deadline <= now { deadlineReached() }
            if outgoing.deadline <= now { perform(outgoing.deadlineReached(now: now)) }
            bringForward()
        }
        nextSweep = max(
            nextSweep, now.advanced(byMilliseconds: RedisSimulation.sweepMilliseconds))
        if isClosed { nextSweep = .never }
        checkDeadlines()
    }

    func bringForward() { nextSweep = min(nextSweep, machine.deadline, outgoing.deadline) }

    private func handle(_ event: Event) {
        switch event {
        case .submit(let payment): submit(payment)
        case .close: closeByOwner()
        case .fault(let fault): begin(fault)
        case .restarted(let crash): restarted(after: crash)
        case .stallEnded: processAll()
        case .resolverAnswers: resolverAnswers()
        case .connectDone(let connection): connectDone(connection)
        case .handshakeDone(let connection): handshakeDone(connection)
        case .toServer(let connection, let count): deliverToServer(connection, count)
        case .lateToServer(let connection): deliverLate(connection)
        case .toClient(let connection, let count): deliverToClient(connection, count)
        case .writable(let connection):
            connection.isFull = false
            if connection === self.connection { asksForFlush = true }
        case .endOfStream(let connection): endOfStream(connection)
        case .repliesLeave(let crash): repliesLeave(crash)
        case .safe(let writes, let crash): becameSafe(writes, crash)
        case .barrierTimedOut(let connection, let number): barrierTimedOut(connection, number)
        }
    }
}
