@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A model of one Redis: what the scripts of a producer session do there, as a list of steps, so
/// that a replica, or what a crash leaves, is the start of such a list. A script is one step
/// (`MULTI` and `EXEC` in the append-only file and on the way to replicas).
final class ProducerSimulationNode {
    enum Effect {
        case entry(id: String, key: String?)
        /// Of a session key.
        case session(String, Int)
        /// The sessions alone are removed.
        case evicted
        /// The keys of the sessions hold no number any more.
        case overwritten
        case flushed
    }

    /// What `open` returns for content that is no number. A batch finds a gap before it.
    private static let foreign = -2

    enum Refusal: CaseIterable {
        /// Before anything is written.
        case outOfMemory
        /// By `EVALSHA` itself.
        case noPermission
        /// At a message in the midst.
        case wrongType
    }

    /// Names the batches' script. What it does is `batch`.
    static let script = RedisScript("return 'a batch'", keys: 0, arguments: 0)

    let name: String
    /// `run_id`: of the process.
    private(set) var process: Int
    /// `master_replid`: of a time as the master.
    var run = ""
    var isMaster = false
    var isUp = true
    var frozenUntil = VirtualTime.start
    var login = SimulatedLogin()
    var clockOffset = 0
    var refusal: Refusal?
    /// The error that a proxy answers to batches, although they are executed.
    var denial: String?
    /// Of a replica: how many steps of the master it has.
    var acknowledged = 0
    private(set) var steps: [[Effect]] = []
    /// The numbers of the sessions, by their keys; `foreign` for other content.
    private(set) var sessions: [String: Int] = [:]
    private(set) var log: [String] = []
    private(set) var records: [String: String] = [:]
    /// How often each message was applied, here or at another Redis, whether or not it was lost.
    var onApplied: (String) -> Void = { _ in }
    let breakage: ProducerBreakage?

    init(name: String, process: Int, breakage: ProducerBreakage?) {
        self.name = name
        self.process = process
        self.breakage = breakage
    }

    func restart(process: Int) { self.process = process }

    func append(_ step: [Effect]) {
        steps.append(step)
        for effect in step {
            switch effect {
            case .entry(let id, let key):
                log.append(id)
                if let key { records[key] = id }
            case .session(let key, let number): sessions[key] = number
            case .evicted: sessions = [:]
            case .overwritten: sessions = sessions.mapValues { _ in Self.foreign }
            case .flushed: (log, records, sessions) = ([], [:], [:])
            }
        }
    }

    /// Has these steps, and no others.
    func replace(with steps: some Sequence<[Effect]>) {
        let steps = Array(steps)
        (self.steps, log, records, sessions) = ([], [], [:], [:])
        for step in steps { append(step) }
    }

    // MARK: - Scripts

    /// - Parameter login: the number of the client's login.
    func open(_ key: String, _ now: MonotonicTime, login: Int) -> RedisReply {
        if refusal == .noPermission { return error("NOPERM evalsha") }
        let milliseconds = clock(now)
        let told =
            switch breakage {
            case .replaysOntoSameRun: "login \(login)"
            case .knowsProcessAlone: "process \(process)"
            default: run
            }
        return .array([
            .integer(Int64(sessions[key] ?? -1)), .integer(Int64(milliseconds / 1_000)),
            .integer(Int64(milliseconds % 1_000 * 1_000)), .bulk(Array(told.utf8)),
        ])
    }

    func fence(_ key: String, from number: Int, to fence: Int) -> RedisReply {
        if breakage == .noFence { return .integer(Int64(fence)) }
        if refusal == .noPermission { return error("NOPERM evalsha") }
        guard sessions[key] ?? -1 == number || breakage == .fenceIgnoresNumber else {
            return .integer(Int64(sessions[key] ?? -1))
        }
        if refusal == .outOfMemory { return error("OOM command not allowed") }
        append([.session(key, fence)])
        return .integer(Int64(fence))
    }

    private func error(_ message: String) -> RedisReply {
        .error(RedisServerError(message: message))
    }

    private func clock(_ now: MonotonicTime) -> Int { now.wholeMilliseconds + clockOffset }

    /// - Parameters:
    ///   - messages: the id of each, and its key.
    ///   - stopAt: the index of the message that a wrong type stops.
    func batch(
        _ session: String, first: Int, deadline: Int, _ messages: [(id: String, key: String?)],
        stopAt: Int,
        _ now: MonotonicTime
    ) -> RedisReply {
        if refusal == .noPermission { return error("NOPERM evalsha") }
        guard let last = sessions[session] else { return error("SESSION missing") }
        if first > last + 1, breakage != .noGapCheck, breakage != .noFence {
            return error(ProducerScripts.gap)
        }
        if clock(now) > deadline, breakage != .noDeadline {
            return error("SESSION late")
        }
        if refusal == .outOfMemory { return stopped(at: first - 1, "OOM command not allowed", []) }
        let count = messages.count
        var found: [(Int, String)] = []
        var step: [Effect] = []
        var records = records
        let skipped = breakage == .noSkip ? 0 : min(max(last - first + 1, 0), count)
        for (index, message) in messages.enumerated() {
            if let key = message.key, let record = records[key] {
                found.append((index, record))
            } else if index >= skipped {
                if refusal == .wrongType, index >= stopAt {
                    append(step + [.session(session, max(last, first + index - 1))])
                    return stopped(at: first + index - 1, "WRONGTYPE Operation", found)
                }
                step.append(.entry(id: message.id, key: message.key))
                if let key = message.key { records[key] = message.id }
                onApplied(message.id)
            }
        }
        let goal = max(last, first + count - 1)
        append(step + [.session(session, goal)])
        return found.isEmpty ? .integer(Int64(goal)) : stopped(at: goal, "", found)
    }

    private func stopped(at number: Int, _ problem: String, _ found: [(Int, String)]) -> RedisReply
    {
        var elements: [RedisReply] = [.integer(Int64(number)), .bulk(Array(problem.utf8))]
        for (index, record) in found {
            elements += [.integer(Int64(index)), .bulk(Array(record.utf8))]
        }
        return .array(elements)
    }
}

/// Deliberate errors, which the simulation must detect.
enum ProducerBreakage: CaseIterable {
    // Scripts.
    case noFence, fenceIgnoresNumber, noGapCheck, noSkip, noDeadline
    // The machine.
    /// A fence whose reply was lost is taken for what Redis has applied.
    case forgetsFences
    /// Every login seems to be with another Redis.
    case replaysOntoSameRun
    /// A Redis is known by its process alone.
    case knowsProcessAlone
    case reusesNumbersWithoutDraining
    case forgetsHistory
    case forgetsUnresolved
    case ignoresBarriers
    case promisesTooMuch
    case resolvesTwice
}
