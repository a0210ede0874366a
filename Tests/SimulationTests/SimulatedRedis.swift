@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// A model of Redis: its execution of complete commands, and its data after a crash.
///
/// The data is a log of writes. The log's entries are what a consumer would process. After a crash
/// the records are read from the log, as from an append-only file or on a replica.
final class SimulatedRedis {
    /// From when on a write survives a crash.
    enum Durability {
        /// At once.
        case immediately
        /// When its reply leaves (`appendfsync always`): the last writes may be lost, but then they
        /// were not answered.
        case beforeReply
        /// Some time after its reply (`appendfsync everysec`, a replica that takes over).
        case later
    }

    struct Write {
        let recordKey: String
        let record: String
        let expiresAt: MonotonicTime
        /// The transaction that is enqueued; nil if only the record was written again.
        let id: String?
    }

    enum Outcome {
        case reply(RedisReply)
        /// WAIT and WAITAOF: replied to once that number of writes is durable.
        case wait(until: Int)

        var words: String {
            switch self {
            case .reply(let reply): reply.words
            case .wait(let writes): "waits for \(writes) writes"
            }
        }
    }

    let durability: Durability
    /// A broken script: it enqueues even if the record exists.
    let ignoresRecords: Bool
    /// A script that is not made for barriers: it reads an existing record and writes nothing.
    let onlyReadsRecords: Bool

    // Until when something is wrong.
    var loadingUntil = MonotonicTime(nanoseconds: 0)
    var readOnlyUntil = MonotonicTime(nanoseconds: 0)
    var outOfMemoryUntil = MonotonicTime(nanoseconds: 0)
    var wrongTypeUntil = MonotonicTime(nanoseconds: 0)
    var loginRefusedUntil = MonotonicTime(nanoseconds: 0)

    private(set) var log: [Write] = []
    /// How many writes of the log survive a crash.
    private(set) var safeCount = 0
    /// How often each transaction was enqueued, whether or not a crash has undone it.
    private(set) var enqueueings: [String: Int] = [:]
    private var records: [String: (text: String, expiresAt: MonotonicTime)] = [:]
    private var scripts: Set<String> = []

    private static let knownScripts = [RQJob.script, StreamEntry.script]
    private static let ok = Outcome.reply(.status(Array("OK".utf8)))

    init(durability: Durability, ignoresRecords: Bool, onlyReadsRecords: Bool) {
        self.durability = durability
        self.ignoresRecords = ignoresRecords
        self.onlyReadsRecords = onlyReadsRecords
    }

    // MARK: - Commands

    /// Executes a command as one atomic step.
    func execute(
        _ words: [String], _ session: SimulatedConnection, _ now: MonotonicTime
    ) -> Outcome {
        switch words[0] {
        case "AUTH":
            return now < loginRefusedUntil
                ? error("WRONGPASS invalid username-password pair") : SimulatedRedis.ok
        case "SELECT": return SimulatedRedis.ok
        case _ where now < loadingUntil: return error("LOADING Redis is loading the dataset")
        case "SCRIPT": return load(words[2], now)
        case "EVALSHA": return evaluate(words, session, now)
        case "PING": return .reply(.status(Array("PONG".utf8)))
        case "WAIT", "WAITAOF": return .wait(until: session.lastWrite)
        default: return error("ERR unknown command")
        }
    }

    private func error(_ message: String) -> Outcome {
        .reply(.error(RedisServerError(message: message)))
    }

    private func load(_ source: String, _ now: MonotonicTime) -> Outcome {
        guard now >= loginRefusedUntil else { return error("NOPERM no permission") }
        guard let script = SimulatedRedis.knownScripts.first(where: { $0.source == source })
        else { return error("ERR a script that nobody knows") }
        scripts.insert(script.digest)
        return .reply(.bulk(Array(script.digest.utf8)))
    }

    /// The visible effects of both scripts.
    private func evaluate(
        _ words: [String], _ session: SimulatedConnection, _ now: MonotonicTime
    ) -> Outcome {
        guard scripts.contains(words[1]) else { return error("NOSCRIPT No matching script") }
        let isJob = words[1] == RQJob.script.digest
        guard words.count == (isJob ? 15 : 13), words[2] == (isJob ? "4" : "2") else {
            return error("ERR wrong number of arguments")
        }
        guard now >= readOnlyUntil else { return error("READONLY You can't write") }
        guard now >= outOfMemoryUntil else { return error("OOM command not allowed") }
        let arguments = words[(isJob ? 7 : 5)...]
        let (key, text) = (words[3], arguments[arguments.startIndex])
        let seconds = Int(arguments[arguments.startIndex + 1]) ?? 0
        let expiresAt = now.advanced(byMilliseconds: seconds * 1_000)
        if let found = records[key], now < found.expiresAt, !ignoresRecords {
            if !onlyReadsRecords, rewritesRecord(words[1]) {
                append(
                    Write(
                        recordKey: key, record: found.text, expiresAt: found.expiresAt, id: nil),
                    session)
            }
            return .reply(.bulk(Array(found.text.utf8)))
        }
        guard now >= wrongTypeUntil else { return error("WRONGTYPE Operation against a key") }
        let id = arguments[arguments.startIndex + 2]
        enqueueings[id, default: 0] += 1
        append(Write(recordKey: key, record: text, expiresAt: expiresAt, id: id), session)
        return .reply(.integer(1))
    }

    /// Whether a script makes the record that it finds a write of its connection: only then does
    /// a barrier of that connection wait for it (Redis 7.2: `client.woff`).
    private func rewritesRecord(_ digest: String) -> Bool {
        SimulatedRedis.knownScripts.contains {
            $0.digest == digest && $0.source.contains("KEEPTTL")
        }
    }

    private func append(_ write: Write, _ session: SimulatedConnection) {
        log.append(write)
        records[write.recordKey] = (write.record, write.expiresAt)
        session.lastWrite = log.count
        if durability == .immediately { safeCount = log.count }
    }

    // MARK: - Durability

    func repliesLeave() {
        if durability == .beforeReply { safeCount = log.count }
    }

    func becomeSafe(upTo count: Int) { safeCount = max(safeCount, min(count, log.count)) }

    /// Drops the loaded scripts and every write after the given number of writes.
    func crash(keeping count: Int) {
        precondition(count >= safeCount, "what is safe survives")
        log.removeLast(log.count - count)
        safeCount = count
        scripts = []
        records = [:]
        for write in log { records[write.recordKey] = (write.record, write.expiresAt) }
    }
}
