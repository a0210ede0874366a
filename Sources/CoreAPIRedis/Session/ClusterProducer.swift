internal import CoreAPIBase
internal import Logging

/// The producer sessions of a queue's partitions in a Redis Cluster: a connection to each node that
/// has some of them, with a `PartitionedProducerMachine`. It lives on the thread of its loop.
///
/// A session follows its slot: when the map changes, it is taken from one node's machine and given
/// to another's (`PartitionedProducerMachine+Moves.swift`). A partition without a node, as during a
/// failover, has its session in the lobby: a machine that never has a connection, in which messages
/// wait until their time is over. So a node that is away holds up its own partitions alone.
///
/// Nothing is sent before the cluster has said that the queue has as many partitions. Each later
/// login at a node asks again.
final class ClusterProducer: EventHandler, @unchecked Sendable {
    typealias Machine = PartitionedProducerMachine<any ProducerReceiver>

    private enum Claim: Equatable {
        case due(MonotonicTime)
        case asking
        /// Nothing is to be asked.
        case rests
    }

    private var url: RedisURL
    private let seeds: ClusterSeeds
    private let partitions: ProducerPartitions
    /// By partition.
    private let slots: [HashSlot]
    private let step: RedisLoginStep?
    private var options: ProducerConnection.Options
    private let loop: EventLoop
    private let logger: Logger
    private let onLoss: @Sendable (ProducerLosses) -> Void
    /// For the claim.
    private let commands: RedisClusterConnection
    private var membership: ClusterMembership?

    private var view = ClusterView()
    /// The sessions of partitions without a node.
    private var lobby: Machine
    /// The node of each partition; nil for those in the lobby.
    private var homes: [ClusterNode?]
    private var nodes: [RedisAddress: ClusterNode] = [:]
    /// When a redirected partition tries again.
    private var retries: [Int: MonotonicTime] = [:]
    private var refreshesAt = MonotonicTime.never
    private var followsSoon = false
    /// Whether the cluster has said that the queue has as many partitions.
    private var isClaimed = false
    private var claim = Claim.rests
    private var claimBackoff = ClusterProducer.limits.backoff
    private var log: RedisOutageLog
    private var waiters: [Suspension<RedisError?>] = []
    private var isClosed = false

    /// While a slot moves: most slots are moved in milliseconds.
    private static let movingMilliseconds = 25
    /// After `MOVED`, which brings a new map at once, and while the cluster is down.
    private static let redirectedMilliseconds = 100
    /// Between questions for the map while a node is away.
    private static let refreshMilliseconds = 250

    /// A failover may end at any moment: see `RedisLimits.sentinelPauseMillisecondsMax`.
    private static var limits: RedisLimits {
        var limits = RedisLimits()
        limits.pauseMillisecondsMax = RedisLimits.sentinelPauseMillisecondsMax
        return limits
    }

    init(
        url: RedisURL, _ seeds: ClusterSeeds, _ partitions: ProducerPartitions, loop: EventLoop,
        options: ProducerConnection.Options, logger: Logger,
        onLoss: @escaping @Sendable (ProducerLosses) -> Void
    ) {
        self.url = url
        self.seeds = seeds
        self.partitions = partitions
        slots = (0..<partitions.count).map(partitions.slot)
        step = partitions.call(0).loginStep
        self.options = options
        self.loop = loop
        self.logger = logger
        self.onLoss = onLoss
        lobby = ClusterProducer.machine(url, partitions, options)
        homes = Array(repeating: nil, count: partitions.count)
        log = RedisOutageLog(url, logger)
        var limits = RedisLimits(commandTimeoutSeconds: 1)
        limits.connectTimeoutMilliseconds = 1_000
        limits.replyTimeoutMilliseconds = 1_000
        commands = RedisClusterConnection(
            url: url, on: loop,
            options: RedisConnection.Options(
                limits: limits, scripts: step.map { [$0.script] } ?? [], isOnDemand: true,
                name: options.name, tls: options.tls),
            // The claim's failures are logged here.
            logger: Logger(label: "core-api.claim") { _ in SwiftLogNoOpLogHandler() })
    }

    static func machine(
        _ url: RedisURL, _ partitions: ProducerPartitions, _ options: ProducerConnection.Options
    ) -> Machine {
        Machine(
            url: url, name: options.name, partitions, limits: options.limits,
            replyTimeoutMilliseconds: limits.replyTimeoutMilliseconds, barrier: options.barrier,
            isNode: true, now: .now())
    }

    // MARK: - Life

    func start() {
        guard !isClosed else { return }
        loop.addTimed(self)
        join(seeds)
        claim = .due(loop.now)
        if step == nil { claimed() }
        loop.bringForward(deadline)
    }

    private func join(_ seeds: ClusterSeeds) {
        let loop = loop
        do {
            membership = try ClusterDirectory.join(
                url, seeds, tls: options.tls, logger,
                onNews: { [weak self] news in loop.submit { self?.received(news) } })
        } catch { failed(.connectFailed(error)) }
    }

    /// Uses another login and other certificates for the next connection to each node.
    func adopt(_ target: RedisTarget) {
        guard !isClosed, let seeds = target.url.place.cluster else { return }
        (url, options.tls) = (target.url, target.tls)
        log.adopt(url)
        membership?.leave()
        membership = nil
        join(seeds)
        commands.renew(target)
        lobby.adopt(url)
        for (address, node) in nodes { node.adopt(target.node(at: address)) }
    }

    /// Makes the connections to the nodes anew, one after the other.
    ///
    /// - Returns: why the first attempt at a node failed.
    func renewed() async -> RedisError? {
        let nodes: [ClusterNode] = await Suspension.value { waiter in
            let isTaken = loop.submit { waiter.resume(returning: Array(self.nodes.values)) }
            if !isTaken { waiter.resume(returning: []) }
        }
        for node in nodes {
            // A node that has left the cluster meanwhile is closed.
            if let error = await node.renewed(), error != .closed { return error }
        }
        return nil
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        loop.removeTimed(self)
        membership?.leave()
        membership = nil
        commands.close()
        homes = Array(repeating: nil, count: partitions.count)
        for node in nodes.values { node.close() }
        nodes = [:]
        resume(lobby.close())
        resumeWaiters(.closed)
    }

    /// Whether some partitions can be written to. One node that is away does not make a server
    /// unfit for the users of all others.
    var isReady: Bool { isClaimed && nodes.values.contains { $0.isServing } }

    /// Returns once it is ready; throws the reason why the next attempt failed. Any thread may call
    /// it.
    func ready() async throws(RedisError) {
        let error = await Suspension<RedisError?>.value { waiter in
            let isTaken = loop.submit {
                if self.isClosed { return waiter.resume(returning: .closed) }
                if self.isReady { return waiter.resume(returning: nil) }
                self.waiters.append(waiter)
            }
            if !isTaken { waiter.resume(returning: .closed) }
        }
        if let error { throw error }
    }

    private func resumeWaiters(_ error: RedisError?) {
        let waiters = exchange(&waiters, with: [])
        for waiter in waiters { waiter.resume(returning: error) }
    }

    private func resume(_ resolutions: [Machine.Resolution]) {
        for resolution in resolutions { resolution.waiter.received(resolution.result) }
    }

    // MARK: - Messages

    /// Gives a partition's machine something to send: see `RedisConnectionHandler.submit`.
    @inline(__always)
    func submit(
        partition: Int, _ body: (inout Machine, MonotonicTime) -> RedisSubmitAction
    ) -> RedisFailure? {
        if let node = homes[partition] { return node.submit(body) }
        if case .reject(let failure) = body(&lobby, loop.now) { return failure }
        loop.bringForward(lobby.deadline)
        return nil
    }

    // MARK: - The map

    private func received(_ news: ClusterDirectory.News) {
        guard !isClosed else { return }
        switch news {
        case .changed(let view):
            self.view = view
            followSoon()
            // The node that has the number may be known now.
            if !isClaimed, case .due = claim { claim = .due(loop.now) }
        case .unreachable(let error): if !isClaimed { failed(error) }
        }
        loop.bringForward(deadline)
    }

    /// Several slots may move in one turn.
    private func followSoon() {
        guard !followsSoon else { return }
        followsSoon = true
        loop.requestTurn(self)
    }

    func proceed() {
        followsSoon = false
        guard !isClosed else { return }
        var resolutions: [Machine.Resolution] = []
        for partition in homes.indices {
            let address = isClaimed ? view.master(of: slots[partition]) : nil
            guard homes[partition]?.address != address else { continue }
            resolutions += move(partition, to: address.map(node))
        }
        for (address, node) in nodes where !homes.contains(where: { $0 === node }) {
            node.close()
            nodes[address] = nil
        }
        resume(resolutions)
        loop.bringForward(deadline)
    }

    private func node(at address: RedisAddress) -> ClusterNode {
        if let node = nodes[address] { return node }
        let node = ClusterNode(
            at: address, of: self, url: url.node(at: address), partitions,
            limits: ClusterProducer.limits, options: options, loop: loop, logger: logger)
        nodes[address] = node
        node.start()
        return node
    }

    private func move(_ partition: Int, to new: ClusterNode?) -> [Machine.Resolution] {
        let old = homes[partition]
        homes[partition] = new
        retries[partition] = nil
        let departure =
            if let old {
                old.detach(partition)
            } else {
                lobby.detach(partition, now: loop.now)
            }
        guard let (session, resolutions) = departure else { return [] }
        if let new {
            new.attach(session, partition)
        } else {
            lobby.attach(session, partition: partition)
        }
        return resolutions
    }

    // MARK: - The number of partitions

    private func ask() {
        guard let step else { return }
        claim = .asking
        let (commands, loop) = (commands, loop)
        Task { [weak self] in
            let result = await commands.reply(to: step.command, slot: step.slot)
            loop.submit { self?.received(result, of: step) }
        }
    }

    private func received(_ result: Result<RedisReply, RedisFailure>, of step: RedisLoginStep) {
        guard !isClosed else { return }
        claim = .rests
        switch result {
        case .success(let reply):
            if let error = step.failure(after: reply) {
                // Another Redis has taken the place of the one that had the number.
                isClaimed = false
                proceed()
                failed(error)
            } else {
                claimed()
            }
        case .failure(let failure): failed(failure.reason)
        }
        loop.bringForward(deadline)
    }

    private func claimed() {
        claim = .rests
        claimBackoff.succeeded()
        guard !isClaimed else { return }
        log.becameReady(at: nil)
        log.answered()
        isClaimed = true
        followSoon()
    }

    /// The number is not known. A server that had it goes on.
    private func failed(_ error: RedisError) {
        if claim != .asking {
            let pause = claimBackoff.failed(jitter: .random(in: 0...1))
            claim = .due(loop.now.advanced(byMilliseconds: pause))
        }
        guard !isClaimed else { return }
        log.lost(error)
        resume(lobby.lost(error, now: loop.now))
        resumeWaiters(error)
    }

    // MARK: - Nodes

    /// The node has received something, or its connection has ended.
    func noticed(_ node: ClusterNode) {
        while node.parts.machine.hasLosses { onLoss(node.parts.machine.takeLosses()) }
        _ = node.parts.machine.takeMissedBarrier()
        guard !isClosed else { return }
        if node.parts.machine.hasRedirections {
            redirected(node.parts.machine.takeRedirections(), by: node)
        }
        if node.parts.machine.isDisconnected { refreshesAt = min(refreshesAt, loop.now) }
        if node.changesReadiness(), node.isReady {
            if node.logins > 1, claim == .rests, step != nil { claim = .due(loop.now) }
            if isReady { resumeWaiters(nil) }
        }
        loop.bringForward(deadline)
    }

    private func redirected(_ redirections: [Machine.Redirection], by node: ClusterNode) {
        for redirection in redirections {
            let pause: Int
            switch redirection.error.kind {
            case .moved:
                let target = ClusterRedirection(redirection.error, asked: node.address)
                membership?.redirected(slots[redirection.partition], to: target?.address)
                pause = ClusterProducer.redirectedMilliseconds
            case .clusterDown:
                membership?.staled()
                pause = ClusterProducer.redirectedMilliseconds
            default: pause = ClusterProducer.movingMilliseconds
            }
            retries[redirection.partition] = loop.now.advanced(byMilliseconds: pause)
        }
    }

    // MARK: - Deadlines

    var deadline: MonotonicTime {
        var deadline = min(lobby.deadline, refreshesAt)
        if case .due(let time) = claim { deadline = min(deadline, time) }
        for time in retries.values { deadline = min(deadline, time) }
        return deadline
    }

    func deadlineReached(now: MonotonicTime) {
        if case .due(let time) = claim, time <= now { ask() }
        for (partition, time) in retries where time <= now {
            retries[partition] = nil
            homes[partition]?.resume(partition)
        }
        if refreshesAt <= now {
            membership?.staled()
            let isAway = nodes.values.contains { !$0.isReady }
            refreshesAt =
                isAway
                ? now.advanced(byMilliseconds: ClusterProducer.refreshMilliseconds) : .never
        }
        resume(lobby.deadlineReached(now: now).resolutions)
    }
}
