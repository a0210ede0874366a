@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Where every simulation begins, and what its clock has of the loop's.
enum VirtualTime {
    static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
    /// The loop looks at deadlines no more often than this.
    static let sweepMilliseconds = 20
}

/// A connection's machine, driven as `RedisConnectionHandler` and `OutgoingConnection` drive it,
/// against models of Redis and of the network, in virtual time. Everything that happens follows
/// from the seed.
///
/// A subclass has the callers, the servers and the rules.
class ConnectionSimulation<Machine: RedisConnectionMachine, Server> {
    typealias Connection = SimulatedConnection<Server>

    enum Event {
        case resolverAnswers
        case connectDone(Connection)
        case handshakeDone(Connection)
        case toServer(Connection, Int)
        /// What was on its way when the client closed its side.
        case lateToServer(Connection)
        case toClient(Connection, Int)
        case writable(Connection)
        case endOfStream(Connection)
        case then(() -> Void)
    }

    /// What the server's kernel does with a connection.
    enum Admission {
        case accepted, refused
        /// It does not answer.
        case swallowed
    }

    private let stepsMax = 50_000

    final var random: SimulationRandom
    final var now = VirtualTime.start
    final var queue = EventQueue<Event>()
    final private(set) var violation: String?
    /// What has happened, if this simulation is to tell.
    final private(set) var transcript: [String] = []
    private let isTold: Bool

    // The handler's part.
    final var machine: Machine
    final var reader = RedisReplyReader()
    final var isClosed = false

    // The outgoing connection's part.
    final var outgoing: OutgoingConnectionStateMachine
    final let usesTLS: Bool
    final var hasResolver = false
    final var connection: Connection?
    final var asksForFlush = false
    final var nextSweep = MonotonicTime.never

    /// All that were ever begun.
    final var connections: [Connection] = []

    init(
        _ machine: Machine, limits: RedisLimits, random: SimulationRandom, isTold: Bool
    ) {
        var random = random
        usesTLS = random.chance(25)
        let isLocated = random.chance(25)
        self.machine = machine
        self.random = random
        self.isTold = isTold
        outgoing = OutgoingConnectionStateMachine(
            usesTLS: usesTLS, isLocated: isLocated,
            attemptMilliseconds: limits.connectTimeoutMilliseconds, backoff: limits.backoff,
            now: now)
    }

    // MARK: - What a subclass has

    /// The server that a connect leads to.
    func chooseServer() -> Server { preconditionFailure("chooseServer() has no override") }
    func admit(_ connection: Connection) -> Admission { .accepted }
    /// Until when the server's process does nothing.
    func busyUntil(_ server: Server) -> MonotonicTime { now }
    /// Executes the commands that have arrived wholly.
    func process(_ connection: Connection) {}
    /// How long bytes are on their way, in microseconds.
    func latency() -> Int { random.integer(50...3_000) }
    /// For how long bytes are held that were on their way when the client closed its side, in
    /// milliseconds; nil if they are lost.
    func holdTime() -> Int? { random.integer(0...400) }
    /// Whether the network and the resolver are slow and fail.
    var isRough: Bool { false }
    func received(_ reply: RedisReply) -> RedisConnectionAction<Machine.Resolution> {
        machine.received(reply, now: now)
    }
    func resolve(_ resolutions: [Machine.Resolution]) {}
    /// The machine was told of a loss.
    func machineLost() {}
    /// The connection was ended on purpose.
    func machineRestarted() {}
    /// Broken on purpose: a renewal ends the connection before everything is answered.
    var renewsAtOnce: Bool { false }
    /// What must hold once everything is answered over a connection that is to be renewed.
    func checkRenewal() {}
    /// What must hold after each turn of the loop, and at each look at the deadlines.
    func checkTurn() {}
    func checkDeadlines() {}
    func checkEnd() {}

    // MARK: - Time

    /// Milliseconds since the beginning.
    final var elapsed: Int { now.milliseconds(since: VirtualTime.start) }

    final func after(_ milliseconds: Int, _ event: Event) {
        queue.add(event, at: now.advanced(byMilliseconds: milliseconds))
    }

    final func after(_ milliseconds: Int, _ body: @escaping () -> Void) {
        after(milliseconds, .then(body))
    }

    final func tell(_ line: @autoclosure () -> String) {
        if isTold { transcript.append("\(elapsed) ms: \(line())") }
    }

    final func violate(_ rule: String) {
        tell("VIOLATION: \(rule)")
        if violation == nil { violation = rule }
    }

    /// Runs until nothing more can happen; returns the rule that was broken, if any.
    final func run() -> String? {
        start()
        for _ in 0..<stepsMax {
            let time = min(queue.nextTime, nextSweep)
            guard time < .never, violation == nil else { break }
            now = max(now, time)
            while queue.nextTime <= now { handle(queue.takeNext()) }
            if asksForFlush { flush() }
            if now >= nextSweep { sweep() }
            checkTurn()
        }
        guard violation == nil else { return violation }
        if !queue.isEmpty { violate("it does not end") }
        if !isClosed,
            min(machine.deadline, outgoing.deadline) != .never
                || machine.isWanted && !machine.isReady
        {
            violate("it has not come to rest")
        }
        checkEnd()
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
        nextSweep = max(nextSweep, now.advanced(byMilliseconds: VirtualTime.sweepMilliseconds))
        if isClosed { nextSweep = .never }
        checkDeadlines()
    }

    final func bringForward() { nextSweep = min(nextSweep, machine.deadline, outgoing.deadline) }

    private func handle(_ event: Event) {
        switch event {
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
        case .then(let body): body()
        }
    }
}
