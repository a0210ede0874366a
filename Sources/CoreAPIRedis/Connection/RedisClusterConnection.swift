package import CoreAPIBase
package import Logging

/// Connections to the nodes of a Redis Cluster, for commands whose keys lie in one slot. Any thread
/// may use it.
///
/// Each command goes to the node that has its slot, over a connection that is made for the first
/// one and closed when the node serves no slots any more. A redirected command is sent again until
/// the options' command timeout. So every command must be one that can be executed twice with the
/// effect of once, as for `RedisConnection`.
///
/// `ASK` is answered by waiting until the slot has moved: a script whose keys are partly there and
/// partly here can be executed by neither node (docs/decisions/0023-cluster.md).
package final class RedisClusterConnection: Sendable {
    private let loop: EventLoop
    private let nodes: ClusterNodes
    private let timeoutMilliseconds: Int

    /// A pause while a slot moves or has no node.
    private static let pauseMilliseconds = 25

    /// Connections on a loop that the caller runs.
    ///
    /// - Parameters:
    ///   - url: of a cluster.
    ///   - options: of the connection to each node.
    package init(
        url: RedisURL, on loop: EventLoop, options: RedisConnection.Options, logger: Logger
    ) {
        self.loop = loop
        timeoutMilliseconds = options.limits.commandTimeoutMilliseconds
        nodes = ClusterNodes(url, on: loop, options, logger)
        let nodes = nodes
        loop.submit { nodes.start() }
    }

    /// Connections on the loop that all embedders' connections share.
    package convenience init(
        url: RedisURL, options: RedisConnection.Options, logger: Logger
    ) throws(RedisError) {
        do {
            self.init(
                url: url, on: try SharedEventLoop.running(), options: options, logger: logger)
        } catch { throw .connectFailed(error) }
    }

    deinit { close() }

    /// Closes the connections and fails the pending commands. Repeated calls have no effect.
    package func close() {
        let nodes = nodes
        loop.submit { nodes.close() }
    }

    /// Uses another login and other certificates: see `RedisConnection.renew`.
    package func renew(_ target: RedisTarget) {
        let nodes = nodes
        loop.submit { nodes.renew(target) }
    }

    /// Sends the command to the node of its slot and returns its reply; throws an error reply.
    ///
    /// - Parameter slot: of all keys of the command.
    package func execute(
        _ command: RedisCommand, slot: HashSlot
    ) async throws(RedisFailure) -> RedisReply {
        let deadline = MonotonicTime.now().advanced(byMilliseconds: timeoutMilliseconds)
        // What is asked for is whether any attempt may have been executed.
        var mayBeExecuted = false
        while true {
            let (result, address) = await attempt(command, slot)
            let failure: RedisFailure
            switch result {
            case .success(let reply): return reply
            case .failure(let reason): failure = reason
            }
            if case .mayBeExecuted = failure { mayBeExecuted = true }
            let isLate = deadline <= .now() || Task.isCancelled
            guard !isLate, await repeats(after: failure.reason, slot, at: address) else {
                throw mayBeExecuted ? .mayBeExecuted(failure.reason) : failure
            }
        }
    }

    /// Sends the command to the node of its slot and returns its reply or the failure.
    package func reply(
        to command: RedisCommand, slot: HashSlot
    ) async -> Result<RedisReply, RedisFailure> {
        do { return .success(try await execute(command, slot: slot)) } catch {
            return .failure(error)
        }
    }

    /// Sends each command once to the node of its slot, all in one turn of the loop, so that those
    /// of a node leave in one write. Calls back with each reply or failure, on any thread, in any
    /// order.
    ///
    /// - Parameter body: gets the index of the command.
    package func submit(
        _ commands: [(command: RedisCommand, slot: HashSlot)],
        _ body: @escaping @Sendable (Int, Result<RedisReply, RedisFailure>) -> Void
    ) {
        let nodes = nodes
        let isTaken = loop.submit {
            for index in commands.indices {
                nodes.submit(commands[index].command, commands[index].slot) { body(index, $0) }
            }
        }
        guard !isTaken else { return }
        for index in commands.indices { body(index, .failure(.notExecuted(.closed))) }
    }

    /// Sends the command to the node at the address and returns its reply or the failure; it is not
    /// sent to another node.
    package func reply(
        to command: RedisCommand, at address: RedisAddress
    ) async -> Result<RedisReply, RedisFailure> {
        guard case .some(let connection?) = await onLoop({ $0.connection(to: address) }) else {
            return .failure(.notExecuted(.closed))
        }
        return await connection.reply(to: command)
    }

    /// The nodes of the slots, each with the indices of its slots; those without a known node are
    /// left out. It waits until anything is known, for as long as for a command.
    package func nodes(
        of slots: [HashSlot]
    ) async -> [(address: RedisAddress, indices: [Int])] {
        let deadline = MonotonicTime.now().advanced(byMilliseconds: timeoutMilliseconds)
        while true {
            let found =
                await onLoop { nodes in
                    nodes.grouped(slots)
                } ?? []
            if !found.isEmpty || deadline <= .now() || Task.isCancelled { return found }
            await pause()
        }
    }

    /// Why no node is known.
    package func reason() async -> RedisError { await onLoop { $0.reason } ?? .closed }

    // MARK: - Attempts

    private func attempt(
        _ command: RedisCommand, _ slot: HashSlot
    ) async -> (Result<RedisReply, RedisFailure>, RedisAddress?) {
        guard let found = await onLoop({ $0.node(of: slot) }) else {
            return (.failure(.notExecuted(.closed)), nil)
        }
        switch found {
        case .failure(let error): return (.failure(.notExecuted(error)), nil)
        case .success(let node): return (await node.connection.reply(to: command), node.address)
        }
    }

    /// Whether the command is to be sent again after the failure: waits for as long as is sensible.
    private func repeats(
        after error: RedisError, _ slot: HashSlot, at address: RedisAddress?
    ) async -> Bool {
        switch error {
        case .server(let reply) where reply.kind.concernsSlot:
            await onLoop { $0.redirected(slot, reply, at: address) }
        // A new login loads the scripts.
        case .server(let reply) where reply.isPassing: await onLoop { $0.staled() }
        case .slotUnserved, .clusterUnreachable: break
        // No node has answered the question for the map yet.
        case .timedOut where address == nil: break
        // The node serves no slots any more, or all of this is closed.
        case .closed: if await onLoop({ !$0.isClosed }) != true { return false }
        default:
            await onLoop { $0.staled() }
            return false
        }
        await pause()
        return true
    }

    private func pause() async {
        try? await Task.sleep(for: .milliseconds(RedisClusterConnection.pauseMilliseconds))
    }

    /// What the nodes say on their loop; nil if the loop is gone.
    @discardableResult
    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (ClusterNodes) -> Value
    ) async -> Value? {
        let nodes = nodes
        if loop.isCurrent { return body(nodes) }
        return await Suspension<Value?>.value { waiter in
            let isTaken = loop.submit { waiter.resume(returning: body(nodes)) }
            if !isTaken { waiter.resume(returning: nil) }
        }
    }
}

/// The connections to the nodes. Only their loop's thread uses it.
private final class ClusterNodes: @unchecked Sendable {
    struct Node: Sendable {
        let address: RedisAddress
        let connection: RedisConnection
    }

    private var url: RedisURL
    private let loop: EventLoop
    private var options: RedisConnection.Options
    private let logger: Logger
    private var membership: ClusterMembership?
    private var connections: [RedisAddress: RedisConnection] = [:]
    private var view = ClusterView()
    /// Why nothing is known of a slot.
    private(set) var reason = RedisError.timedOut
    private(set) var isClosed = false

    init(
        _ url: RedisURL, on loop: EventLoop, _ options: RedisConnection.Options, _ logger: Logger
    ) {
        self.url = url
        self.loop = loop
        var options = options
        options.isNode = true
        self.options = options
        self.logger = logger
    }

    func renew(_ target: RedisTarget) {
        (url, options.tls) = (target.url, target.tls)
        membership?.leave()
        membership = nil
        start()
        for (address, connection) in connections { connection.renew(target.node(at: address)) }
    }

    func start() {
        guard let seeds = url.place.cluster else {
            preconditionFailure("RedisClusterConnection of a URL that is not a cluster's")
        }
        guard !isClosed else { return }
        let loop = loop
        let isSilent = logger.handler is SwiftLogNoOpLogHandler
        do {
            membership = try ClusterDirectory.join(
                url, seeds, tls: options.tls, isSilent ? nil : logger,
                onNews: { [weak self] news in loop.submit { self?.received(news) } })
        } catch { reason = .connectFailed(error) }
    }

    func close() {
        isClosed = true
        membership?.leave()
        membership = nil
        for connection in connections.values { connection.close() }
        connections = [:]
    }

    private func received(_ news: ClusterDirectory.News) {
        switch news {
        case .unreachable(let error): reason = error
        case .changed(let view):
            self.view = view
            reason = .slotUnserved
            for (address, connection) in connections where !view.hasMaster(address) {
                connection.close()
                connections[address] = nil
            }
        }
    }

    func node(of slot: HashSlot) -> Result<Node, RedisError> {
        if isClosed { return .failure(.closed) }
        guard let address = view.master(of: slot), let connection = connection(to: address) else {
            return .failure(reason)
        }
        return .success(Node(address: address, connection: connection))
    }

    /// Sends a command once. A failure that concerns the slot or the node makes the map stale.
    func submit(
        _ command: RedisCommand, _ slot: HashSlot,
        _ body: @escaping @Sendable (Result<RedisReply, RedisFailure>) -> Void
    ) {
        switch node(of: slot) {
        case .failure(let error): body(.failure(.notExecuted(error)))
        case .success(let node):
            node.connection.submit(command) { [weak self] result in
                if case .failure(let failure) = result {
                    self?.failed(slot, failure.reason, at: node.address)
                }
                body(result)
            }
        }
    }

    private func failed(_ slot: HashSlot, _ error: RedisError, at address: RedisAddress) {
        switch error {
        case .server(let reply) where reply.kind.concernsSlot:
            redirected(slot, reply, at: address)
        case .server(let reply) where !reply.isPassing: break
        default: staled()
        }
    }

    func connection(to address: RedisAddress) -> RedisConnection? {
        guard !isClosed else { return nil }
        if let connection = connections[address] { return connection }
        var options = options
        // Commands wait for the node until its replica has its slots, or for their deadline.
        options.onOutage = { [weak self] in self?.staled() }
        let connection = RedisConnection(
            url: url.node(at: address), on: loop, options: options, logger: logger)
        connections[address] = connection
        return connection
    }

    func grouped(_ slots: [HashSlot]) -> [(address: RedisAddress, indices: [Int])] {
        var found: [(address: RedisAddress, indices: [Int])] = []
        for index in slots.indices {
            guard let address = view.master(of: slots[index]) else { continue }
            if let place = found.firstIndex(where: { $0.address == address }) {
                found[place].indices.append(index)
            } else {
                found.append((address, [index]))
            }
        }
        return found
    }

    func staled() { membership?.staled() }

    /// A node does not serve the slot, now or at all.
    func redirected(_ slot: HashSlot, _ error: RedisServerError, at asked: RedisAddress?) {
        switch error.kind {
        case .moved:
            let redirection = asked.flatMap { ClusterRedirection(error, asked: $0) }
            membership?.redirected(redirection?.slot ?? slot, to: redirection?.address)
        case .clusterDown: membership?.staled()
        default: break
        }
    }
}
