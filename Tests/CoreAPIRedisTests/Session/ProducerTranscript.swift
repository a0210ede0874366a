@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Shared helpers of the tests of producer sessions. A test calls the session directly and compares
/// its output and actions as text. Numbers identify waiters.
protocol ProducerTranscript {}

extension ProducerTranscript {
    typealias Session = ProducerSession<Int>

    var start: MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000_000) }

    func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    /// The script of a batch, as a queue has it: `RPUSH` of each message, and a record for each
    /// keyed message.
    var script: RedisScript {
        RedisScript(
            ProducerScripts.batchStart + """

                local position = 2
                for index = 0, count - 1 do
                  local name, key, record = ARGV[5 + index * 2], nil, nil
                  if ARGV[6 + index * 2] == 'keyed' then
                    position = position + 1
                    key = KEYS[position]
                    record = redis.pcall('GET', key)
                    if type(record) == 'table' then problem, applied = record.err, index break end
                  end
                  if record then
                    local known = record
                    \(ProducerScripts.findRecord)
                  elseif index >= skipped then
                    local pushed = redis.pcall('RPUSH', KEYS[2], name)
                    if type(pushed) == 'table' and pushed.err then
                      problem, applied = pushed.err, index
                      break
                    end
                    if key then redis.call('SET', key, name, 'EX', 60) end
                  end
                end

                """ + ProducerScripts.batchEnd, keys: 0, arguments: 0)
    }

    var call: ProducerCall {
        ProducerCall(
            script: script, sessionKey: Array("session".utf8), queueKeys: [Array("queue".utf8)],
            queueWords: [])
    }

    /// A session whose batches do not wait for each other.
    func session(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil,
        batchesInFlightMax: Int = 1_000
    ) -> Session {
        var limits = limits
        limits.batchesInFlightMax = batchesInFlightMax
        return Session(call, limits: limits, barrier: barrier)
    }

    /// A session after the login, before any output: the first message has the number 2.
    func ready(
        limits: ProducerLimits = ProducerLimits(), barrier: RedisBarrier? = nil,
        batchesInFlightMax: Int = 1_000
    ) -> Session {
        var session = session(
            limits: limits, barrier: barrier, batchesInFlightMax: batchesInFlightMax)
        session.loggedIn()
        _ = sent(&session)
        _ = session.received(opened(-1), now: start)
        _ = sent(&session)
        _ = session.received(.integer(1), now: start)
        return session
    }

    /// The login to a Redis that knows the session at this number, up to the fence.
    func login(
        _ run: String, standingAt number: Int, _ session: inout Session,
        at now: MonotonicTime? = nil
    ) -> [String] {
        session.loggedIn()
        var commands = sent(&session, at: now)
        _ = session.received(opened(number, run), now: now ?? start)
        commands += sent(&session, at: now)
        return commands
    }

    /// The reply to `open`. Redis's clock starts at the test's start.
    func opened(_ number: Int, _ run: String = "A") -> RedisReply {
        .array([.integer(Int64(number)), .integer(1_000), .integer(0), text(run)])
    }

    func text(_ text: String) -> RedisReply { .bulk(Array(text.utf8)) }

    func error(_ message: String) -> RedisReply { .error(RedisServerError(message: message)) }

    func submit(
        _ waiter: Int, key: String? = nil, _ session: inout Session, at now: MonotonicTime? = nil
    ) -> RedisSubmitAction {
        session.submit(
            waiter, now: now ?? start, ProducerTraits(isKeyed: key != nil),
            keys: { addKey(key, &$0) },
            words: { addWords(waiter, key, &$0) })
    }

    func addKey(_ key: String?, _ command: inout RedisCommand) -> Int {
        guard let key else { return 0 }
        command.word(key)
        return 1
    }

    func addWords(_ waiter: Int, _ key: String?, _ command: inout RedisCommand) -> Int {
        command.word("m\(waiter)")
        command.word(key == nil ? "-" : "keyed")
        return 2
    }

    func submit(_ waiters: ClosedRange<Int>, _ session: inout Session) {
        for waiter in waiters { _ = submit(waiter, &session) }
    }

    func sent(_ session: inout Session, at now: MonotonicTime? = nil) -> [String] {
        sent { send throws(SystemError) in try session.flush(now: now ?? start, send) }
    }

    /// What a flush sends, as text: `open`, `fence 3 7`, `2: m1 m2`, `WAIT`.
    func sent(
        _ flush: (([UInt8], Int) throws(SystemError) -> Int?) throws(SystemError) -> Void
    ) -> [String] {
        sent(flush) { texts(of: $0) }
    }

    /// What a flush sends, as text by a function of the bytes.
    func sent(
        _ flush: (([UInt8], Int) throws(SystemError) -> Int?) throws(SystemError) -> Void,
        texts: ([UInt8]) -> [String]
    ) -> [String] {
        var bytes: [UInt8] = []
        do {
            try flush { output, position throws(SystemError) in
                bytes += output[position...]
                return output.count - position
            }
        } catch { return ["\(error)"] }
        return texts(bytes)
    }

    /// The action of a machine, as text: `ready, 1 applied`.
    func text(
        of action: RedisConnectionAction<Session.Resolution>,
        _ words: ([Session.Resolution]) -> [String]
    ) -> String {
        switch action {
        case .none: "none"
        case .flush: "flush"
        case .ready(let resolutions): (["ready"] + words(resolutions)).joined(separator: ", ")
        case .resolve(let resolution): words([resolution]).joined()
        case .resolveAll(let resolutions): words(resolutions).joined(separator: ", ")
        case .renew(let resolutions): (["renew"] + words(resolutions)).joined(separator: ", ")
        case .fail(let error): "fail \(error)"
        }
    }

    /// The commands, each as a text.
    func texts(of bytes: [UInt8]) -> [String] {
        commands(bytes).map { words in
            switch words[min(1, words.count - 1)] {
            case ProducerScripts.open.digest: return "open"
            case ProducerScripts.fence.digest: return "fence \(words[4]) \(words[5])"
            case script.digest:
                let first = 3 + (Int(words[2]) ?? 0)
                let names = stride(from: first + 4, to: words.count, by: 2).map { words[$0] }
                return "\((Int(words[first]) ?? 0) + 1): \(names.joined(separator: " "))"
            case "LOAD": return "SCRIPT LOAD"
            default: return words.joined(separator: " ").replacing("WAIT 1 1800", with: "WAIT")
            }
        }
    }

    private func commands(_ bytes: [UInt8]) -> [[String]] {
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")[...]
        var commands: [[String]] = []
        while let line = lines.popFirst(), let count = Int(line.dropFirst()) {
            commands.append(
                (0..<count).compactMap { _ in
                    _ = lines.popFirst()
                    return lines.popFirst().map { String($0) }
                })
        }
        return commands
    }
}

extension ProducerSession<Int>.Resolution {
    static func applied(_ waiter: Int) -> Self { Self(waiter: waiter, result: .success(.applied)) }

    static func found(_ waiter: Int, _ record: String) -> Self {
        Self(waiter: waiter, result: .success(.found(Array(record.utf8))))
    }

    static func failed(_ waiter: Int, _ failure: RedisFailure) -> Self {
        Self(waiter: waiter, result: .failure(failure))
    }
}
