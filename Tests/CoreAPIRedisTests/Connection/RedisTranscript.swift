import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Shared helpers of the tests of a Redis connection's state machine. A test calls the machine
/// directly and compares its actions as text. Numbers identify commands.
protocol RedisTranscript {}

extension RedisTranscript {
    typealias Machine = RedisConnectionStateMachine<Int>

    var start: MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000) }

    func after(_ milliseconds: Int) -> MonotonicTime {
        start.advanced(byMilliseconds: milliseconds)
    }

    func machine(_ url: String = "redis://h", limits: RedisLimits = RedisLimits()) throws
        -> Machine
    {
        Machine(url: try RedisURL(url), limits: limits, now: start)
    }

    func ready(limits: RedisLimits = RedisLimits()) throws -> Machine {
        var machine = try machine(limits: limits)
        _ = machine.connected(now: start)
        return machine
    }

    func command(_ number: Int) -> RedisCommand {
        var command = RedisCommand()
        command.add("ECHO", "\(number)")
        return command
    }

    func submit(
        _ number: Int, _ machine: inout Machine, at now: MonotonicTime? = nil
    ) -> String {
        switch machine.submitted(command(number), number, now: now ?? start) {
        case .flush: "flush"
        case .wait: "wait"
        case .reject(let failure): "reject \(failure)"
        }
    }

    /// Sends up to a number of the machine's output bytes; returns the numbers of the commands that
    /// were sent completely.
    func send(_ machine: inout Machine, upTo limit: Int = .max) throws -> String {
        var sent: [UInt8] = []
        try machine.flush(now: start) { bytes, position throws(SystemError) in
            let count = min(bytes.count - position, limit - sent.count)
            sent += bytes[position..<(position + count)]
            return count == 0 ? nil : count
        }
        return String(decoding: sent, as: UTF8.self)
    }

    func reply(
        _ reply: RedisReply, _ machine: inout Machine, at now: MonotonicTime? = nil
    ) -> String {
        switch machine.received(reply, now: now ?? start) {
        case .none: "none"
        case .flush: "flush"
        case .ready(let resolutions): "ready" + words(resolutions)
        case .resolve(let resolution): words([resolution])
        case .resolveAll(let resolutions): words(resolutions)
        case .renew(let resolutions): "renew " + words(resolutions)
        case .fail(let error): "fail \(error)"
        }
    }

    func words(_ resolutions: [Machine.Resolution]) -> String {
        resolutions.map { resolution in
            switch resolution.result {
            case .success: "\(resolution.waiter) done"
            case .failure(.notExecuted(let error)): "\(resolution.waiter) not executed: \(error)"
            case .failure(.mayBeExecuted(let error)):
                "\(resolution.waiter) may be executed: \(error)"
            }
        }.joined(separator: ", ")
    }

    func echo(_ number: Int) -> String { "*2\r\n$4\r\nECHO\r\n$1\r\n\(number)\r\n" }
    var ok: RedisReply { .status(Array("OK".utf8)) }
}
