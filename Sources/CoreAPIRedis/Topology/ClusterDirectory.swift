internal import CoreAPIBase
internal import Logging

/// Knows which node of a Redis Cluster has which slots, for all connections of the process.
///
/// Its questions run on the loop that embedders' connections share. Any thread may call it.
final class ClusterDirectory: EventHandler, @unchecked Sendable {
    /// What a member learns.
    enum News: Sendable {
        /// What is known has changed, or was known before the member came.
        case changed(ClusterView)
        /// None of the known nodes has answered the present question: why not, if one has refused
        /// the login.
        case unreachable(RedisError)
    }

    private static let registry = DirectoryRegistry<RedisURL, ClusterDirectory>()

    private let url: RedisURL
    private let tls: TLSContext?
    private let loop: EventLoop

    // Only the loop's thread uses these.
    private var topology: ClusterTopology
    /// Of the first member that logs; nil before there is one.
    private var logger: Logger?
    private var client: ClusterClient?
    private var members: [Int: @Sendable (News) -> Void] = [:]
    private var hasAnswered = false
    /// Why nodes have not answered since the last answer.
    private var reasons: [RedisAddress: RedisError] = [:]
    private var warningLimit = WarningLimit()

    private static let backoff = Backoff(millisecondsMin: 50, millisecondsMax: 500)

    private init(
        _ url: RedisURL, _ seeds: ClusterSeeds, _ tls: TLSContext?, _ loop: EventLoop
    ) {
        self.url = url
        self.tls = tls
        self.loop = loop
        topology = ClusterTopology(
            seeds: seeds.addresses, backoff: ClusterDirectory.backoff, now: .now())
    }

    // MARK: - Members

    /// The directory of the cluster, with a new member.
    ///
    /// - Parameters:
    ///   - seeds: those of the URL.
    ///   - logger: nil for a member that logs nothing.
    ///   - onNews: is called on the directory's loop.
    static func join(
        _ url: RedisURL, _ seeds: ClusterSeeds, tls: TLSContext?, _ logger: Logger?,
        onNews: @escaping @Sendable (News) -> Void
    ) throws(SystemError) -> ClusterMembership {
        let loop = try SharedEventLoop.running()
        let (directory, number) = registry.join(url, tls: tls) {
            ClusterDirectory(url, seeds, tls, loop)
        }
        loop.submit { directory.add(number, logger, onNews) }
        return ClusterMembership(directory, number)
    }

    private func add(
        _ number: Int, _ logger: Logger?, _ onNews: @escaping @Sendable (News) -> Void
    ) {
        if self.logger == nil { self.logger = logger }
        if members.isEmpty { loop.addTimed(self) }
        members[number] = onNews
        if hasAnswered { onNews(.changed(topology.view)) }
        loop.bringForward(deadline)
    }

    fileprivate func leave(_ number: Int) {
        ClusterDirectory.registry.leave(url, tls: tls)
        loop.submit {
            self.members[number] = nil
            if self.members.isEmpty { self.rest() }
        }
    }

    /// Nobody wants to know anything.
    private func rest() {
        loop.removeTimed(self)
        guard let client = client.take() else { return }
        client.close()
        topology.failed(now: loop.now, jitter: 1)
    }

    private func tell(_ news: News) { for onNews in members.values { onNews(news) } }

    // MARK: - Questions

    var deadline: MonotonicTime { topology.deadline }

    func deadlineReached(now: MonotonicTime) {
        perform(topology.deadlineReached(now: now))
    }

    private func perform(_ action: ClusterTopology.Action) {
        switch action {
        case .none: break
        case .ask(let address):
            // The reference back is released by the answer, or by `rest`.
            let client = ClusterClient(address, url, tls: tls, on: loop) {
                self.answered($0, by: address)
            }
            self.client = client
            client.start()
        case .changed: tell(.changed(topology.view))
        }
        loop.bringForward(deadline)
    }

    private func answered(_ result: Result<ClusterMap, RedisError>, by address: RedisAddress) {
        client = nil
        switch result {
        case .success(let map):
            hasAnswered = true
            reasons = [:]
            let before = topology.view.map
            perform(topology.received(map))
            if Set(map.masters) != Set(before.masters) { logMasters(map) }
        case .failure(let error):
            reasons[address] = error
            topology.failed(now: loop.now, jitter: .random(in: 0...1))
            loop.bringForward(deadline)
            guard topology.hasAskedAll else { return }
            // A refused login is the reason, even if the last node has not answered at all.
            tell(.unreachable(reasons.values.first { $0.isOfLogin } ?? .clusterUnreachable))
            warn()
            reasons = [:]
        }
    }

    private func logMasters(_ map: ClusterMap) {
        logger?.info(
            "the masters of the cluster",
            metadata: [
                "redis": "\(url)",
                "masters": "\(map.masters.map(\.description).sorted().joined(separator: ", "))",
            ])
    }

    /// Logs the reason of each node that does not answer.
    private func warn() {
        guard warningLimit.isDue(now: loop.now) else { return }
        let texts = reasons.map { "\($0): \($1)" }.sorted()
        logger?.warning(
            "no node of the cluster answers",
            metadata: ["redis": "\(url)", "reasons": "\(texts.joined(separator: ", "))"])
    }

    fileprivate func redirected(_ slot: HashSlot, to address: RedisAddress?) {
        loop.submit { self.perform(self.topology.redirected(slot, to: address)) }
    }

    fileprivate func staled() {
        loop.submit {
            self.topology.staled()
            self.loop.bringForward(self.deadline)
        }
    }
}

extension RedisError {
    /// Whether a node has refused the login or the question: waiting does not mend it.
    fileprivate var isOfLogin: Bool {
        switch self {
        case .refused(let reply), .server(let reply): !reply.isPassing
        default: false
        }
    }
}

/// A connection's share in a directory, until `leave`.
struct ClusterMembership: Sendable {
    private let directory: ClusterDirectory
    private let number: Int

    fileprivate init(_ directory: ClusterDirectory, _ number: Int) {
        self.directory = directory
        self.number = number
    }

    /// A node has answered with `MOVED`.
    ///
    /// - Parameter address: nil if that node does not know it.
    func redirected(_ slot: HashSlot, to address: RedisAddress?) {
        directory.redirected(slot, to: address)
    }

    /// What is known may be wrong: a connection broke, or the cluster is down.
    func staled() { directory.staled() }

    /// Ends the membership. Nothing may be called afterwards.
    func leave() { directory.leave(number) }
}
