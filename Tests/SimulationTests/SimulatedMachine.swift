@testable import CoreAPIBase
@testable import CoreAPIRedis

/// The functions that `RedisConnectionHandler` calls, so that a simulation can also run machines
/// with deliberate errors.
protocol SimulatedMachine {
    typealias Machine = RedisConnectionStateMachine<Int>

    var isReady: Bool { get }
    var isWanted: Bool { get }
    var isIdle: Bool { get }
    var isLoggingIn: Bool { get }
    var deadline: MonotonicTime { get }
    mutating func submitted(_ command: RedisCommand, _ waiter: Int, now: MonotonicTime)
        -> Machine.SubmitAction
    @discardableResult mutating func flush(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime
    mutating func connected(now: MonotonicTime) -> [UInt8]
    mutating func received(_ reply: RedisReply, now: MonotonicTime) -> Machine.ReplyAction
    mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Machine.Resolution]
    mutating func close() -> [Machine.Resolution]
    mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Machine.Resolution], stalls: Bool)
}

extension RedisConnectionStateMachine: SimulatedMachine where Waiter == Int {}

/// Deliberate errors, which the simulation must detect.
enum Breakage: CaseIterable {
    /// A repeated command finds no record: plain XADD and RPUSH.
    case scriptsIgnoreRecords
    /// A script that finds a record writes nothing, so a barrier after it waits for nothing.
    case scriptsOnlyReadRecords
    /// `mayBeExecuted` is reported as `notExecuted`.
    case promisesTooMuch
    /// The pending commands are dropped when the connection breaks.
    case dropsPipeline
    /// The next loss resumes a caller a second time.
    case resolvesTwice
    /// A barrier that was not reached counts as reached.
    case ignoresBarriers
}

/// A machine that does all as the product's, but for one thing.
struct BrokenMachine: SimulatedMachine {
    private var machine: Machine
    private let fresh: (MonotonicTime) -> Machine
    private let breakage: Breakage
    private var lastResolution: Machine.Resolution?

    init(_ breakage: Breakage, now: MonotonicTime, _ fresh: @escaping (MonotonicTime) -> Machine) {
        self.breakage = breakage
        self.fresh = fresh
        machine = fresh(now)
    }

    var isReady: Bool { machine.isReady }
    var isWanted: Bool { machine.isWanted }
    var isIdle: Bool { machine.isIdle }
    var isLoggingIn: Bool { machine.isLoggingIn }
    var deadline: MonotonicTime { machine.deadline }

    mutating func submitted(
        _ command: RedisCommand, _ waiter: Int, now: MonotonicTime
    ) -> Machine.SubmitAction { machine.submitted(command, waiter, now: now) }

    mutating func flush(
        _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime { try machine.flush(send) }

    mutating func connected(now: MonotonicTime) -> [UInt8] { machine.connected(now: now) }

    mutating func received(_ reply: RedisReply, now: MonotonicTime) -> Machine.ReplyAction {
        var reply = reply
        if breakage == .ignoresBarriers, reply == .integer(0) { reply = .integer(1) }
        let action = machine.received(reply, now: now)
        if case .resolve(let resolution) = action { lastResolution = resolution }
        return action
    }

    mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Machine.Resolution] {
        let resolutions = machine.lost(error, now: now)
        if breakage == .dropsPipeline { machine = fresh(now) }
        if breakage == .resolvesTwice, let lastResolution { return resolutions + [lastResolution] }
        return resolutions.map(told)
    }

    mutating func close() -> [Machine.Resolution] { machine.close().map(told) }

    mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Machine.Resolution], stalls: Bool) {
        let (resolutions, stalls) = machine.deadlineReached(now: now)
        return (resolutions.map(told), stalls)
    }

    private func told(_ resolution: Machine.Resolution) -> Machine.Resolution {
        guard breakage == .promisesTooMuch,
            case .failure(.mayBeExecuted(let error)) = resolution.result
        else { return resolution }
        return Machine.Resolution(
            waiter: resolution.waiter, result: .failure(.notExecuted(error)))
    }
}
