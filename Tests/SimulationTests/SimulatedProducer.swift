@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A machine of producer sessions that a simulation drives: of one session, or of several over one
/// connection.
protocol SimulatedProducer: RedisConnectionMachine
where Resolution == ProducerSession<Int>.Resolution {
    static var partitionCount: Int { get }

    init(
        simulating schedule: ProducerSimulationSchedule,
        _ call: @escaping @Sendable (Int) -> ProducerCall)

    mutating func submit(
        _ waiter: Int, partition: Int, now: MonotonicTime, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisSubmitAction

    var hasLosses: Bool { get }
    mutating func takeLosses() -> ProducerLosses
    var sessions: [ProducerSession<Int>] { get set }
    /// Messages and bytes without an outcome, as the machine counts them.
    var pending: (count: Int, bytes: Int) { get }
    /// Whether the next reply is that of a barrier.
    var expectsBarrier: Bool { get }

    /// Whether Redis is a node of a cluster, which may redirect sessions.
    var isNode: Bool { get }
    /// The partitions that were redirected since the last call.
    mutating func takeRedirected() -> [Int]
    mutating func resume(_ partition: Int)
    /// The session of a partition leaves, and comes back.
    mutating func leaveAndReturn(_ partition: Int, now: MonotonicTime) -> [Resolution]
}

extension SimulatedProducer {
    var isNode: Bool { false }
    mutating func takeRedirected() -> [Int] { [] }
    mutating func resume(_ partition: Int) {}
    mutating func leaveAndReturn(_ partition: Int, now: MonotonicTime) -> [Resolution] { [] }
}

extension SimulatedProducer {
    /// The partition that messages with this id or key have.
    static func partition(of name: String) -> Int {
        name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 1_000_003 } % partitionCount
    }

    static var replyTimeoutMilliseconds: Int { RedisLimits().replyTimeoutMilliseconds }
}

extension ProducerStateMachine<Int>: SimulatedProducer {
    static var partitionCount: Int { 1 }

    init(
        simulating schedule: ProducerSimulationSchedule,
        _ call: @escaping @Sendable (Int) -> ProducerCall
    ) {
        self.init(
            url: schedule.url, call(0), limits: schedule.limits,
            replyTimeoutMilliseconds: Self.replyTimeoutMilliseconds, barrier: schedule.barrier,
            now: VirtualTime.start)
    }

    mutating func submit(
        _ waiter: Int, partition: Int, now: MonotonicTime, _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) -> RedisSubmitAction {
        submit(waiter, now: now, traits, keys: addKeys, words: addWords)
    }

    var sessions: [ProducerSession<Int>] {
        get { [session] }
        set { session = newValue[0] }
    }

    var pending: (count: Int, bytes: Int) { (session.pendingCount, session.pendingBytes) }

    var expectsBarrier: Bool {
        if case .barrier? = session.awaited.first { true } else { false }
    }
}

extension PartitionedProducerMachine<Int>: SimulatedProducer {
    static var partitionCount: Int { 3 }

    init(
        simulating schedule: ProducerSimulationSchedule,
        _ call: @escaping @Sendable (Int) -> ProducerCall
    ) {
        var limits = schedule.limits.forPartitions(Self.partitionCount)
        limits.historyBytesMax *= Self.partitionCount
        self.init(
            url: schedule.url,
            ProducerPartitions(
                count: Self.partitionCount, call: call,
                slot: { HashSlot(ofKey: call($0).sessionKey) }),
            limits: limits, replyTimeoutMilliseconds: Self.replyTimeoutMilliseconds,
            barrier: schedule.barrier, isNode: schedule.messages.count.isMultiple(of: 2),
            now: VirtualTime.start)
    }

    mutating func takeRedirected() -> [Int] { takeRedirections().map(\.partition) }

    mutating func leaveAndReturn(_ partition: Int, now: MonotonicTime) -> [Resolution] {
        guard let (session, resolutions) = detach(partition, now: now) else { return [] }
        attach(session, partition: partition)
        return resolutions
    }

    var sessions: [ProducerSession<Int>] {
        get { places.map(\.session) }
        set { for place in places.indices { places[place].session = newValue[place] } }
    }

    var pending: (count: Int, bytes: Int) { (pendingCount, pendingBytes) }

    var expectsBarrier: Bool { if case .barrier? = awaited.first { true } else { false } }
}
