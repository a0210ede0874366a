@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A connection for commands that may be executed twice, and its callers.
final class RedisSimulation: ConnectionSimulation<RedisConnectionStateMachine<Int>, SimulatedRedis>
{
    typealias Machine = RedisConnectionStateMachine<Int>

    let schedule: RedisSchedule
    private let breakage: RedisBreakage?
    private let redis = SimulatedRedis()
    private var crashes = 0

    // The callers' part: the number of a call is its waiter.
    private var commands: [RedisCommand] = []
    private var submittedAt: [MonotonicTime] = []
    private var outcomes: [Int: Result<RedisReply, RedisFailure>] = [:]
    private var waiting: Set<Int> = []
    private var lastResolution: Machine.Resolution?

    init(seed: UInt64, breakage: RedisBreakage? = nil, isTold: Bool = false) throws {
        var random = SimulationRandom(seed: seed)
        schedule = try RedisSchedule(&random)
        self.breakage = breakage
        super.init(
            RedisSimulation.machine(schedule, now: VirtualTime.start), limits: schedule.limits,
            random: random, isTold: isTold)
        for (index, call) in schedule.calls.enumerated() {
            var command = RedisCommand()
            if call.isPing {
                command.add("PING")
            } else {
                command.add("EVALSHA", SimulatedRedis.script.digest, "1", "set", id(index))
            }
            commands.append(command)
            submittedAt.append(.never)
            after(call.time) { [unowned self] in submit(index) }
        }
        for (time, fault) in schedule.faults { after(time) { [unowned self] in begin(fault) } }
        if let time = schedule.closesAt { after(time) { [unowned self] in closeByOwner() } }
    }

    private static func machine(_ schedule: RedisSchedule, now: MonotonicTime) -> Machine {
        Machine(
            url: schedule.url, limits: schedule.limits, scripts: [SimulatedRedis.script],
            isOnDemand: schedule.isOnDemand, now: now)
    }

    private func id(_ index: Int) -> String { "m\(index)" }

    // MARK: - Callers

    private func submit(_ index: Int) {
        tell("#\(index) is submitted")
        submittedAt[index] = now
        waiting.insert(index)
        let failure = submit { $0.submitted(commands[index], index, now: now) }
        if let failure { resolve(index, .failure(failure)) }
        let bytes = waiting.reduce(0) { $0 + commands[$1].bytes.count }
        if waiting.count > schedule.limits.pendingMax || bytes > schedule.limits.backlogBytesMax {
            violate("more is held than there may be")
        }
    }

    private func closeByOwner() {
        if random.chance(50) { flush() }
        close()
        if !waiting.isEmpty { violate("close leaves somebody waiting") }
    }

    override func resolve(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions {
            lastResolution = resolution
            resolve(resolution.waiter, resolution.result)
        }
    }

    private func resolve(_ index: Int, _ result: Result<RedisReply, RedisFailure>) {
        var result = result
        if breakage == .promisesTooMuch, case .failure(.mayBeExecuted(let error)) = result {
            result = .failure(.notExecuted(error))
        }
        tell("#\(index) is told \(result)")
        guard waiting.remove(index) != nil else { return violate("#\(index) is told twice") }
        outcomes[index] = result
        check(index, result)
    }

    // MARK: - What must hold

    private func check(_ index: Int, _ result: Result<RedisReply, RedisFailure>) {
        let isExecuted = redis.executions[id(index)] != nil
        switch result {
        case .success(let reply):
            let isPing = schedule.calls[index].isPing
            let expected = isPing ? "PONG" : "'\(id(index))'"
            if reply.words != expected { violate("#\(index) is told another's reply") }
            if !isPing, !isExecuted { violate("#\(index) is confirmed, and was not executed") }
        case .failure(let failure):
            if case .notExecuted = failure, isExecuted {
                violate("#\(index) was executed, and is told that it was not")
            }
            if schedule.calls[index].isProbe { violate("#\(index) fails though all is in order") }
            if schedule.kind == .gentle { violate("#\(index) notices a short outage") }
        }
        checkTime(index)
    }

    private func checkTime(_ index: Int) {
        let waited = now.milliseconds(since: submittedAt[index])
        let waitMax =
            schedule.limits.commandTimeoutMilliseconds + VirtualTime.sweepMilliseconds
        if waited > waitMax { violate("#\(index) has waited for \(waited) ms") }
    }

    override func checkDeadlines() {
        for index in commands.indices where waiting.contains(index) { checkTime(index) }
    }

    override func checkEnd() {
        if outcomes.count != schedule.calls.count { violate("somebody waits for ever") }
        for index in commands.indices {
            let count = redis.executions[id(index), default: 0]
            if case .failure(.notExecuted) = outcomes[index], count > 0 {
                violate("#\(index) was executed after it was told that it was not")
            }
            if schedule.isOnDemand, count > 1 { violate("#\(index) was sent again on demand") }
        }
    }

    // MARK: - Redis

    override var isRough: Bool { schedule.kind == .rough && elapsed < schedule.lastFaultEnd }

    override func chooseServer() -> SimulatedRedis { redis }

    override func admit(_ connection: Connection) -> Admission {
        guard now >= redis.swallowsUntil else { return .swallowed }
        return redis.isUp && now >= redis.refusesUntil ? .accepted : .refused
    }

    override func busyUntil(_ server: SimulatedRedis) -> MonotonicTime { redis.stalledUntil }

    override func latency() -> Int {
        isRough && random.chance(4)
            ? random.integer(100_000...3_000_000) : random.integer(50...3_000)
    }

    override func holdTime() -> Int? {
        random.chance(60) ? random.integer(0...400) : random.integer(400...9_000)
    }

    override func process(_ connection: Connection) {
        guard redis.isUp, !connection.isClosedByServer, now >= redis.stalledUntil else { return }
        while let words = nextCommand(connection) {
            let result = redis.execute(words, now)
            tell("Redis executes \(words[0]) \(words.last ?? ""): \(result.words)")
            reply(result, over: connection)
        }
    }

    private func begin(_ fault: RedisSchedule.Fault) {
        tell("FAULT \(fault)")
        switch fault {
        case .cut: cut()
        case .crash(let downtime, let loading, let isSilent):
            crash(downtime: downtime, loading: loading, isSilent: isSilent)
        case .refusedConnections(let duration): redis.refusesUntil = until(duration)
        case .swallowedConnections(let duration): redis.swallowsUntil = until(duration)
        case .readOnly(let duration): redis.readOnlyUntil = until(duration)
        case .outOfMemory(let duration): redis.outOfMemoryUntil = until(duration)
        case .refusedLogin(let duration): redis.login.refusedUntil = until(duration)
        case .stall(let duration):
            redis.stalledUntil = max(redis.stalledUntil, until(duration))
            queue.add(
                .then { [unowned self] in connections.forEach(process) }, at: redis.stalledUntil)
        case .flushedScripts: redis.login.forgetScripts()
        }
    }

    private func until(_ duration: Int) -> MonotonicTime {
        now.advanced(byMilliseconds: duration)
    }

    /// The process ends; its data are there when it is back.
    private func crash(downtime: Int, loading: Int, isSilent: Bool) {
        guard redis.isUp else { return }
        redis.isUp = false
        redis.login.forgetScripts()
        for connection in connections { closeByServer(connection, isSilent: isSilent) }
        redis.login.loadingUntil = until(downtime + loading)
        after(downtime) { [unowned self] in redis.isUp = true }
    }

    // MARK: - Broken on purpose

    override func received(_ reply: RedisReply) -> RedisConnectionAction<Machine.Resolution> {
        if breakage == .mixesReplies, machine.isReady, random.chance(5) { return .none }
        return super.received(reply)
    }

    override func machineLost() {
        switch breakage {
        case .dropsPipeline: machine = RedisSimulation.machine(schedule, now: now)
        case .resolvesTwice: if let lastResolution { resolve([lastResolution]) }
        case .promisesTooMuch, .mixesReplies, nil: break
        }
    }
}

/// What is broken on purpose, to see that the simulation finds it out.
enum RedisBreakage: CaseIterable {
    /// `mayBeExecuted` is reported as `notExecuted`.
    case promisesTooMuch
    /// What waits is forgotten when the connection breaks.
    case dropsPipeline
    /// Who waits is told a second time, by the next loss.
    case resolvesTwice
    /// A reply is lost, and its command gets the next one.
    case mixesReplies
}
