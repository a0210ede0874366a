@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Shared helpers of the tests of a producer's state machine: as `ProducerTranscript`, with the
/// login, and with actions as texts.
protocol ProducerMachineTranscript: ProducerTranscript {}

extension ProducerMachineTranscript {
    typealias Machine = ProducerStateMachine<Int>

    func machine(
        _ url: String = "redis://h", limits: ProducerLimits = ProducerLimits(),
        barrier: RedisBarrier? = nil
    ) throws -> Machine {
        Machine(
            url: try RedisURL(url), call, limits: limits, replyTimeoutMilliseconds: 2_000,
            barrier: barrier, now: start)
    }

    @discardableResult func submit(
        _ waiter: Int, key: String? = nil, _ machine: inout Machine, at now: MonotonicTime? = nil
    ) -> RedisSubmitAction {
        machine.submit(
            waiter, now: now ?? start, ProducerTraits(isKeyed: key != nil),
            keys: { addKey(key, &$0) },
            words: { addWords(waiter, key, &$0) })
    }

    func sent(_ machine: inout Machine, at now: MonotonicTime? = nil) -> [String] {
        sent { send throws(SystemError) in try machine.flush(now: now ?? start, send) }
    }

    func reply(
        _ reply: RedisReply, _ machine: inout Machine, at now: MonotonicTime? = nil
    ) -> String {
        text(of: machine.received(reply, now: now ?? start), words)
    }

    func words(_ resolutions: [Machine.Resolution]) -> [String] {
        resolutions.map { resolution in
            switch resolution.result {
            case .success(.applied): "\(resolution.waiter) applied"
            case .success(.found(let record)):
                "\(resolution.waiter) found \(String(decoding: record, as: UTF8.self))"
            case .success(.told(let told)):
                "\(resolution.waiter) told \(String(decoding: told, as: UTF8.self))"
            case .failure(.notExecuted(let error)): "\(resolution.waiter) not executed: \(error)"
            case .failure(.mayBeExecuted(let error)):
                "\(resolution.waiter) may be executed: \(error)"
            }
        }
    }

    /// The connection is there, and AUTH, SELECT and SCRIPT LOAD are answered.
    func logIn(
        _ machine: inout Machine, replies: Int = 0, at now: MonotonicTime? = nil
    ) {
        _ = machine.connected(now: now ?? start)
        for _ in 0..<replies { _ = reply(ok, &machine, at: now) }
        for script in call.scripts { _ = reply(text(script.digest), &machine, at: now) }
    }

    /// The session is ready behind its first fence: the first message has the number 2.
    func open(
        _ url: String = "redis://h", replies: Int = 0, barrier: RedisBarrier? = nil
    ) throws -> Machine {
        var machine = try machine(url, barrier: barrier)
        logIn(&machine, replies: replies)
        _ = sent(&machine)
        _ = reply(opened(-1), &machine)
        _ = sent(&machine)
        _ = reply(.integer(1), &machine)
        return machine
    }

    var ok: RedisReply { .status(Array("OK".utf8)) }

    func serverError(_ message: String) -> RedisError {
        .server(RedisServerError(message: message))
    }
}
