/// The machine of a producer's connection: of one session, or of one for each partition.
protocol ProducerMachine: RedisConnectionMachine
where Resolution == ProducerSession<Waiter>.Resolution {
    associatedtype Waiter

    /// Whether `takeLosses` has something to report.
    var hasLosses: Bool { get }
    /// What Redis has lost: to be called until `hasLosses` is false.
    mutating func takeLosses() -> ProducerLosses
    /// Whether a barrier was not reached since the last call.
    mutating func takeMissedBarrier() -> Bool
}

extension ProducerStateMachine: ProducerMachine {}
extension PartitionedProducerMachine: ProducerMachine {}

/// The handler of a connection whose messages have receivers.
protocol ProducerConnectionHandler: RedisConnectionHandler
where Machine: ProducerMachine, Machine.Waiter == any ProducerReceiver {}

extension ProducerConnectionHandler {
    func resume(_ resolution: Machine.Resolution) {
        resolution.waiter.received(resolution.result)
    }
}

/// The handler of a connection that reports its losses itself, and that finds the master by itself.
protocol ReportingProducerHandler: ProducerConnectionHandler {
    /// Is called when Redis turns out to have lost what it has confirmed.
    var onLoss: @Sendable (ProducerLosses) -> Void { get }
}

extension ReportingProducerHandler {
    func report() {
        while parts.machine.hasLosses { onLoss(parts.machine.takeLosses()) }
        if parts.machine.takeMissedBarrier() { suspectMaster() }
    }
}
