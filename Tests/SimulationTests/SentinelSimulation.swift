@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A machine that is broken on purpose.
enum SentinelBreakage: CaseIterable {
    /// Servers that are no masters are believed at once again.
    case neverDoubts
    /// Connections to other servers than the confirmed master stay.
    case nobodyLeaves
    /// A question whose sentinel does not answer is forgotten.
    case forgetsSilence
}

/// A process's connections and its directory, driven as `SentinelDirectory` and
/// `RedisConnectionHandler` drive them, against models of servers and sentinels, in virtual time.
/// Everything that happens follows from the seed.
final class SentinelSimulation {
    enum Event {
        case failOver, serverComes(Int), sentinelChanges(Int)
        case sentinelLearns(Int, master: Int, epoch: Int)
        case demoted(Int, epoch: Int)
        case sentinelReplies(RedisAddress, question: Int)
        case announced(old: Int, new: Int)
        case attempt(Int), loggedIn(Int, server: Int, attempt: Int), traffic(Int)
    }

    private struct Server {
        var isUp = true
        var isMaster = false
    }

    private struct Sentinel {
        var isUp = true
        /// The server that it takes for the master, and since which failover.
        var master = 0
        var epoch = 0
        /// When it last learnt of a failover, went or came.
        var changedAt = VirtualTime.start
    }

    private struct Connection {
        /// The server that it is logged in at.
        var server: Int?
        var isLocating = false
        /// Since when it waits for the directory.
        var waitsSince = MonotonicTime.never
        /// Counts attempts, so that what belongs to an earlier one is told apart.
        var attempts = 0
    }

    private var random: SimulationRandom
    private let breakage: SentinelBreakage?
    private var now = VirtualTime.start
    private var queue = EventQueue<Event>()
    private var machine: SentinelStateMachine
    private var servers = [Server](repeating: Server(), count: 3)
    private var sentinels = [Sentinel](repeating: Sentinel(), count: 3)
    private var connections = [Connection](repeating: Connection(), count: 4)
    /// The true master, and how many failovers there were.
    private var master = 0
    private var epoch = 0
    /// When the last two failovers began.
    private var failovers: [MonotonicTime] = []
    /// Whether the directory knew the master of before the last failover: a process that has just
    /// started cannot tell that a sentinel lags.
    private var knewOldMaster = false
    private var question = 0
    /// The last server that turned out to be a replica, and when.
    private var replica: (server: Int, time: MonotonicTime)?
    private(set) var departures = 0
    private(set) var violation: String?
    private(set) var transcript: [String] = []

    /// For so long things fail; afterwards they are in order.
    private static let roughMilliseconds = 40_000
    /// A doubt has passed, a demoted master is reconfigured, and a last backoff is over.
    private static let calmMilliseconds = 40_000
    private static let quietMilliseconds = 20_000
    /// A question to three sentinels, of which each takes its time.
    private static let questionMilliseconds = 3 * (SentinelStateMachine.answerMilliseconds + 10)

    init(seed: UInt64, breakage: SentinelBreakage? = nil) throws {
        random = SimulationRandom(seed: seed)
        self.breakage = breakage
        let url = try RedisURL("redis-sentinel://s0,s1?master=m")
        guard let target = url.place.sentinels else { preconditionFailure("a URL of sentinels") }
        machine = SentinelStateMachine(target)
        servers[0].isMaster = true
        for connection in connections.indices {
            after(random.integer(0...50), .attempt(connection))
            after(random.integer(100...2_000), .traffic(connection))
        }
        for _ in 0..<random.integer(1...6) {
            after(random.integer(0...SentinelSimulation.roughMilliseconds), .failOver)
        }
        for _ in 0..<random.integer(0...8) {
            let sentinel = random.integer(0...2)
            after(
                random.integer(0...SentinelSimulation.roughMilliseconds),
                .sentinelChanges(sentinel))
        }
    }

    /// Runs to the end; the rule that was broken, or nil.
    func run() -> String? {
        let rough = SentinelSimulation.roughMilliseconds
        let calm = rough + SentinelSimulation.calmMilliseconds
        run(until: rough)
        for index in servers.indices { servers[index].isUp = true }
        for index in sentinels.indices {
            sentinels[index] = Sentinel(master: master, epoch: epoch)
        }
        run(until: calm)
        for (number, connection) in connections.enumerated() where connection.server != master {
            violate("connection \(number) is at \(connection.server ?? -1), not at the master")
        }
        let before = departures
        run(until: calm + SentinelSimulation.quietMilliseconds)
        if departures != before { violate("connections leave although nothing has changed") }
        return violation
    }

    private func run(until end: Int) {
        let end = VirtualTime.start.advanced(byMilliseconds: end)
        while queue.nextTime <= end, violation == nil {
            now = queue.nextTime
            handle(queue.takeNext())
            check()
        }
        now = end
    }

    private func check() {
        let known = machine.sentinels.count
        if known > 3 || known < 2 { violate("\(known) sentinels are known") }
        for (number, connection) in connections.enumerated() {
            if connection.isLocating,
                // One that was under way, and the next.
                now.milliseconds(since: connection.waitsSince)
                    > 2 * SentinelSimulation.questionMilliseconds
            {
                violate("connection \(number) waits for the sentinels without end")
            }
            if let server = connection.server, machine.master != address(server) {
                violate("connection \(number) is at \(server), and others are elsewhere")
            }
        }
    }

    private func after(_ milliseconds: Int, _ event: Event) {
        queue.add(event, at: now.advanced(byMilliseconds: milliseconds))
    }

    private func violate(_ rule: String) { violation = violation ?? rule }

    private func address(_ server: Int) -> RedisAddress {
        RedisAddress(host: "r\(server)", port: 1)
    }

    private func number(_ address: RedisAddress) -> Int {
        Int(address.host.dropFirst()) ?? -1
    }

    // MARK: - Events

    private func handle(_ event: Event) {
        transcript.append("\(now.milliseconds(since: VirtualTime.start)): \(event)")
        switch event {
        case .failOver: failOver()
        case .serverComes(let server): servers[server].isUp = true
        case .sentinelChanges(let sentinel):
            sentinels[sentinel].isUp.toggle()
            sentinels[sentinel].changedAt = now
        case .sentinelLearns(let sentinel, let master, let epoch):
            guard epoch > sentinels[sentinel].epoch else { return }
            (sentinels[sentinel].master, sentinels[sentinel].epoch) = (master, epoch)
            sentinels[sentinel].changedAt = now
        case .demoted(let server, let epoch):
            if server != master || epoch == self.epoch && server != master {
                servers[server].isMaster = false
            }
        case .sentinelReplies(let address, let question): sentinelReplies(address, question)
        case .announced(let old, let new):
            replica = nil
            machine.switched(from: address(old), to: address(new), now: now)
            leave(.from(address(old)))
        case .attempt(let connection): attempt(connection)
        case .loggedIn(let connection, let server, let attempt):
            guard connections[connection].attempts == attempt else { return }
            loggedIn(connection, server)
        case .traffic(let connection):
            after(random.integer(100...2_000), .traffic(connection))
            guard let server = connections[connection].server else { return }
            if !servers[server].isUp { return lost(connection) }
            if !servers[server].isMaster { return lostToReplica(connection, server) }
            // Replicas follow the true master, after a while: an old one confirms nothing.
            if server != master || now.milliseconds(since: failovers.last ?? now) < 3_000 {
                perform(machine.suspected(address(server)))
            }
        }
    }

    /// Another server becomes the master, by order or after a crash. Sentinels learn of it one
    /// after the other, and the old master goes on as if it were one for a while.
    private func failOver() {
        let old = master
        knewOldMaster = machine.master == address(old)
        master = (master + random.integer(1...2)) % 3
        epoch += 1
        failovers = failovers.suffix(1) + [now]
        servers[master] = Server(isUp: true, isMaster: true)
        if random.chance(50) {
            servers[old].isUp = false
            after(random.integer(500...8_000), .serverComes(old))
            for (number, connection) in connections.enumerated() where connection.server == old {
                lost(number)
            }
        }
        after(random.integer(0...10_000), .demoted(old, epoch: epoch))
        let first = random.integer(0...2)
        for sentinel in sentinels.indices {
            let delay = sentinel == first ? 0 : random.integer(0...3_000)
            after(delay, .sentinelLearns(sentinel, master: master, epoch: epoch))
        }
        if random.chance(60) {
            let isLate = random.chance(20)
            after(random.integer(0...(isLate ? 5_000 : 50)), .announced(old: old, new: master))
        }
    }

    // MARK: - The directory

    private func perform(_ action: SentinelStateMachine.Action) {
        switch action {
        case .none: break
        case .ask(let address):
            question += 1
            let isUp = sentinels[number(address)].isUp
            if !isUp, breakage == .forgetsSilence { return }
            let silence = random.chance(50) ? 0 : SentinelStateMachine.answerMilliseconds
            after(
                isUp ? random.integer(0...5) : silence,
                .sentinelReplies(address, question: question))
        case .conclude(let result, let old):
            for number in connections.indices where connections[number].isLocating {
                located(number, result)
            }
            if let old {
                checkSuspicion(number(old))
                leave(.from(old))
            }
        }
    }

    private func sentinelReplies(_ address: RedisAddress, _ question: Int) {
        let sentinel = sentinels[number(address)]
        let answer = sentinel.isUp ? SentinelAnswer.master(self.address(sentinel.master)) : .none
        let action = machine.answered(answer, now: now)
        if sentinel.isUp {
            let others = (0..<3).map { "s\($0)" }.filter { $0 != address.host }
            machine.learned(
                others.map { RedisAddress(host: $0, port: RedisSentinels.defaultPort) },
                from: address)
        }
        perform(action)
    }

    private func leave(_ departure: SentinelDirectory.Departure) {
        if breakage == .nobodyLeaves { return }
        for (number, connection) in connections.enumerated() {
            guard let server = connection.server, departure.concerns(address(server)) else {
                continue
            }
            departures += 1
            lost(number)
        }
    }

    // MARK: - Connections

    private func attempt(_ number: Int) {
        guard connections[number].server == nil, !connections[number].isLocating else { return }
        connections[number].isLocating = true
        connections[number].waitsSince = now
        perform(machine.asked())
    }

    private func located(_ number: Int, _ result: Result<RedisAddress, RedisError>) {
        connections[number].isLocating = false
        guard case .success(let address) = result else { return lost(number) }
        checkDoubt(self.number(address))
        guard servers[self.number(address)].isUp else { return lost(number) }
        connections[number].attempts += 1
        let attempt = connections[number].attempts
        after(
            random.integer(1...20),
            .loggedIn(number, server: self.number(address), attempt: attempt))
    }

    /// A server that has just been a replica is not tried again while a sentinel knows the master.
    /// After two failovers within the time of a doubt, both the old master and the new one may be
    /// in doubt.
    private func checkDoubt(_ server: Int) {
        if hasQuickFailovers { return }
        guard let replica, replica.server == server, server != master,
            now.milliseconds(since: replica.time) < SentinelStateMachine.doubtMilliseconds
        else { return }
        for (number, sentinel) in sentinels.enumerated() {
            let isKnown = machine.sentinels.contains { $0.host == "s\(number)" }
            let time = now.milliseconds(since: sentinel.changedAt)
            if isKnown, sentinel.isUp, sentinel.master == master,
                time > SentinelSimulation.questionMilliseconds
            {
                violate("\(server) is tried again, and sentinel \(number) names the master")
            }
        }
    }

    /// A new master whose replicas have not followed it yet is not left for the old one, as long as
    /// a sentinel that answers knows it.
    private func checkSuspicion(_ server: Int) {
        let isKnown = sentinels.contains { sentinel in
            let time = now.milliseconds(since: sentinel.changedAt)
            return sentinel.isUp && sentinel.master == master
                && time > SentinelSimulation.questionMilliseconds
        }
        if isKnown, knewOldMaster, !hasQuickFailovers, server == master {
            violate("\(server) is left, which is the master")
        }
    }

    private var hasQuickFailovers: Bool {
        failovers.count == 2
            && failovers[1].milliseconds(since: failovers[0])
                < SentinelStateMachine.doubtMilliseconds
    }

    private func loggedIn(_ number: Int, _ server: Int) {
        guard servers[server].isUp else { return lost(number) }
        guard servers[server].isMaster else { return lostToReplica(number, server) }
        connections[number].server = server
        if replica?.server == server { replica = nil }
        switch machine.confirmed(address(server), now: now) {
        case .stay: break
        case .leave:
            departures += 1
            lost(number)
        case .othersLeave: leave(.exceptTo(address(server)))
        }
    }

    private func lostToReplica(_ number: Int, _ server: Int) {
        replica = (server, now)
        if breakage != .neverDoubts { machine.doubted(address(server), now: now) }
        lost(number)
    }

    private func lost(_ number: Int) {
        connections[number].server = nil
        connections[number].attempts += 1
        after(random.integer(25...RedisLimits.sentinelPauseMillisecondsMax), .attempt(number))
    }
}
