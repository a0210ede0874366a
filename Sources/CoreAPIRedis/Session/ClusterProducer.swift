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
    private let step: RedisLoginStep?
    private var options: ProducerConnection.Options
    private let loop: EventLoop
    private let logger: Logger
    private let onLoss: @Sendable (ProducerLosses) -> Void
    /// For the claim.
    private let commands: RedisClusterConnection
    private var membership: ClusterMembership?

    private var routes: ClusterRoutes
    /// The sessions of partitions without a node.
    private var lobby: Machine
    /// The node of each partition; nil for those in the lobby.
    private var homes: [ClusterNode?]
    private var nodes: [RedisAddress: ClusterNode] = [:]
    private var followsSoon = false
    private var claim = Claim.rests
    private var claimBackoff = ClusterProducer.limits.backoff
    private var log: RedisOutageLog
    private var waiters: [Suspension<RedisError?>] = []
    private var isClosed = false

    /// Whether the cluster has said that the queue has as many partitions.
    private var isClaimed: Bool { routes.isOpen }

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
        routes = ClusterRoutes((0..<partitions.count).map(partitions.slot))
        step = partitions.call(0).loginStep
        self.options = options
        self.loop = loop
        self.logger = logger
        self.onLoss = onLoss
        lobby = ClusterProducer.machine(url, partitions, options)
        homes = Array(repeating: nil, count: partitions.count)
        log = RedisOutageLog(url, logger)
        commands = RedisClusterConnection(
            url: url, on: loop,
            options: RedisConnection.Options(
                scripts: step.map { [$0.script] } ?? [], isOnDemand: true, name: options.name,
                tls: options.tls),
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
        // Otherwise the number is asked for as soon as a node is known that may have it.
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
        while lobby.hasLosses { onLoss(lobby.takeLosses()) }
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
            routes.learned(view)
            followSoon()
            // The node that has the number may be known now.
            if !isClaimed, claim != .asking, step != nil { claim = .due(loop.now) }
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
        for move in routes.moves() {
            resolutions += perform(move, to: move.address.map(node))
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

    private func perform(
        _ move: ClusterRoutes.Move, to new: ClusterNode?
    ) -> [Machine.Resolution] {
        let partition = move.partition
        let old = homes[partition]
        homes[partition] = new
        let departure =
            if let old {
                old.detach(partition)
            } else {
                lobby.detach(partition, now: loop.now)
            }
        if let new { new.setAsks(move.asks, partition) }
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
                routes.isOpen = false
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
        routes.isOpen = true
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
            for redirection in node.parts.machine.takeRedirections() {
                redirected(redirection, by: node)
            }
            followSoon()
        }
        if node.parts.machine.isDisconnected {
            routes.lost(node.address, now: loop.now)
            followSoon()
        }
        if node.changesReadiness(), node.isReady {
            if node.logins > 1, claim == .rests, step != nil { claim = .due(loop.now) }
            if isReady { resumeWaiters(nil) }
        }
        loop.bringForward(deadline)
    }

    private func redirected(_ redirection: Machine.Redirection, by node: ClusterNode) {
        let notice = routes.redirected(
            redirection.partition, redirection.error,
            concernsSession: redirection.concernsSession, by: node.address, now: loop.now)
        switch notice {
        case .none: break
        case .staled: membership?.staled()
        case .moved(let slot, let address): membership?.redirected(slot, to: address)
        }
    }

    // MARK: - Deadlines

    var deadline: MonotonicTime {
        var deadline = min(lobby.deadline, routes.deadline)
        if case .due(let time) = claim { deadline = min(deadline, time) }
        return deadline
    }

    func deadlineReached(now: MonotonicTime) {
        if case .due(let time) = claim, time <= now { ask() }
        let isAway = nodes.values.contains { !$0.isReady }
        let (resumed, refreshes) = routes.deadlineReached(now: now, isAway: isAway)
        for partition in resumed { homes[partition]?.resume(partition) }
        if refreshes { membership?.staled() }
        resume(lobby.deadlineReached(now: now).resolutions)
    }
}
