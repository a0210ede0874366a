@testable import CoreAPIBase
@testable import CoreAPIRedis

/// What `RedisConnectionHandler` calls of a machine whose waiters are numbers.
protocol SimulatedMachine {
    associatedtype Resolution

    var isReady: Bool { get }
    var isWanted: Bool { get }
    var isIdle: Bool { get }
    var isLoggingIn: Bool { get }
    var deadline: MonotonicTime { get }
    mutating func connected(now: MonotonicTime) -> [UInt8]
    @discardableResult mutating func flush(
        now: MonotonicTime, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) -> MonotonicTime
    mutating func received(
        _ reply: RedisReply, now: MonotonicTime
    ) -> RedisConnectionAction<Resolution>
    mutating func lost(_ error: RedisError, now: MonotonicTime) -> [Resolution]
    mutating func close() -> [Resolution]
    mutating func deadlineReached(
        now: MonotonicTime
    ) -> (resolutions: [Resolution], stalls: Bool)
}

extension RedisConnectionStateMachine: SimulatedMachine where Waiter == Int {}
extension ProducerStateMachine: SimulatedMachine where Waiter == Int {}
