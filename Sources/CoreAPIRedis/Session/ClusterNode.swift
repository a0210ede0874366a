internal import CoreAPIBase
internal import Logging

/// The connection of a loop's producer to one node of a cluster.
final class ClusterNode: ProducerConnectionHandler, @unchecked Sendable {
    let parts: RedisConnectionParts<ClusterProducer.Machine>
    let address: RedisAddress
    private weak var producer: ClusterProducer?
    private var wasReady = false
    /// How often the node has let this connection in.
    private(set) var logins = 0

    init(
        at address: RedisAddress, of producer: ClusterProducer, url: RedisURL,
        _ partitions: ProducerPartitions, limits: RedisLimits,
        options: ProducerConnection.Options, loop: EventLoop, logger: Logger
    ) {
        self.address = address
        self.producer = producer
        parts = RedisConnectionParts(
            ClusterProducer.machine(url, partitions, options), url: url, loop: loop,
            limits: limits, tls: options.tls, metrics: options.metrics, logger: logger)
    }

    func report() { producer?.noticed(self) }

    /// Whether the connection has become ready, or has ended, since the last call.
    func changesReadiness() -> Bool {
        guard isReady != wasReady else { return false }
        wasReady = isReady
        if wasReady { logins += 1 }
        return true
    }

    // MARK: - Sessions

    func detach(
        _ partition: Int
    ) -> (
        session: ProducerSession<any ProducerReceiver>,
        resolutions: [ClusterProducer.Machine.Resolution]
    )? {
        parts.machine.detach(partition, now: parts.loop.now)
    }

    /// The slot of the partition moves to this node, or has arrived.
    func setAsks(_ asks: Bool, _ partition: Int) { parts.machine.setAsks(asks, partition) }

    func attach(_ session: ProducerSession<any ProducerReceiver>, _ partition: Int) {
        parts.machine.attach(session, partition: partition)
        sendSoon()
    }

    func resume(_ partition: Int) {
        parts.machine.resume(partition)
        sendSoon()
    }

    private func sendSoon() {
        parts.connection.requestFlush()
        parts.loop.bringForward(parts.machine.deadline)
    }
}
