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
        /// A message of this number in a session is over the limit.
        case refused(String, Int)
        /// The sessions alone are removed.
        case evicted
        /// The keys of the sessions hold no number any more.
        case overwritten
        case flushed
    }

    /// What `open` returns for content that is no number. A batch finds a gap before it.
    private static let foreign = -2

    /// A message of a batch.
    struct Message {
        let id: String
        let key: String?
        /// Whether the limit does not refuse it: it was confirmed before.
        var isExempt = false
    }

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
    /// The numbers of the messages that the limit has refused, by the keys of their sessions.
    private var refused: [String: Set<Int>] = [:]
    private(set) var log: [String] = []
    private(set) var records: [String: String] = [:]
    /// How often each message was applied, here or at another Redis, whether or not it was lost.
    var onApplied: (String) -> Void = { _ in }
    let breakage: ProducerBreakage?
    /// Whether the scripts tell of each message, and some are refused.
    var isLimited = false
    /// Whether the next message is over the limit.
    var isOver: () -> Bool = { false }

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
            case .refused(let key, let number): refused[key, default: []].insert(number)
            case .evicted: sessions = [:]
            case .overwritten: sessions = sessions.mapValues { _ in Self.foreign }
            case .flushed: (log, records, sessions, refused) = ([], [:], [:], [:])
            }
        }
    }

    /// Has these steps, and no others.
    func replace(with steps: some Sequence<[Effect]>) {
        let steps = Array(steps)
        (self.steps, log, records, sessions, refused) = ([], [], [:], [:], [:])
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
        let elements: [RedisReply] = [
            .integer(Int64(sessions[key] ?? -1)), .integer(Int64(milliseconds / 1_000)),
            .integer(Int64(milliseconds % 1_000 * 1_000)), .bulk(Array(told.utf8)),
        ]
        guard isLimited else { return .array(elements) }
        let numbers = breakage == .forgetsRefusals ? [] : refused[key] ?? []
        return .array(
            elements + [.array(numbers.sorted().map { .bulk(Array("\($0)".utf8)) })])
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

    /// - Parameter stopAt: the index of the message that a wrong type stops.
    func batch(
        _ session: String, first: Int, deadline: Int, _ messages: [Message], stopAt: Int,
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
        var answers: [(Int, String)] = []
        var step: [Effect] = []
        var records = records
        let skipped = breakage == .noSkip ? 0 : min(max(last - first + 1, 0), count)
        for (index, message) in messages.enumerated() {
            let number = first + index
            if isLimited, index < skipped {
                let isRefused = refused[session]?.contains(number) == true
                let other = message.key.flatMap { records[$0] }.flatMap {
                    $0 == message.id ? nil : $0
                }
                answers.append((index, answer(isRefused ? "L" : other == nil ? "A" : "F", other)))
            } else if let key = message.key, let record = records[key] {
                answers.append((index, isLimited ? answer("F", record) : record))
            } else if index >= skipped {
                if refusal == .wrongType, index >= stopAt {
                    append(step + [.session(session, max(last, number - 1))])
                    return stopped(at: number - 1, "WRONGTYPE Operation", answers)
                }
                if isLimited, isOver(), !message.isExempt || breakage == .limitsConfirmed {
                    step.append(.refused(session, number))
                    answers.append((index, answer("L", nil)))
                    continue
                }
                step.append(.entry(id: message.id, key: message.key))
                if let key = message.key { records[key] = message.id }
                onApplied(message.id)
                if isLimited { answers.append((index, answer("A", nil))) }
            }
        }
        let goal = max(last, first + count - 1)
        append(step + [.session(session, goal)])
        return answers.isEmpty ? .integer(Int64(goal)) : stopped(at: goal, "", answers)
    }

    /// What the script of a queue with a limit tells of a message: see `RateLimitAnswer`.
    private func answer(_ state: String, _ record: String?) -> String {
        "\(state) 1 1" + (record.map { " \($0)" } ?? "")
    }

    private func stopped(
        at number: Int, _ problem: String, _ answers: [(Int, String)]
    ) -> RedisReply {
        var elements: [RedisReply] = [.integer(Int64(number)), .bulk(Array(problem.utf8))]
        for (index, text) in answers {
            elements += [.integer(Int64(index)), .bulk(Array(text.utf8))]
        }
        return .array(elements)
    }
}

/// Deliberate errors, which the simulation must detect.
enum ProducerBreakage: CaseIterable {
    // Scripts.
    case noFence, fenceIgnoresNumber, noGapCheck, noSkip, noDeadline
    /// A login does not tell which messages the limit has refused.
    case forgetsRefusals
    /// The limit refuses messages, too, that were confirmed and are sent again.
    case limitsConfirmed
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
    /// A renewal does not wait for answers, and takes what was sent for answered.
    case renewsUnanswered
}
