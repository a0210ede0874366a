internal import CoreAPIBase
internal import CoreAPIRedis
internal import Logging
internal import Synchronization

/// Renews the connections to Redis with a new login and new certificates: those of one loop after
/// those of another, so that most of the server goes on at any moment.
///
/// The new login is tried first, over a connection of its own. Until Redis accepts it, open
/// connections stay, and it is tried again each second. Connections that break meanwhile use it.
final class RedisRenewal: Sendable {
    /// The connections of one loop.
    struct Connections: Sendable {
        let loop: EventLoop
        let producer: ProducerConnection
        /// Renews the connections that ask: each is made anew between two questions.
        let renewOthers: @Sendable (RedisTarget) -> Void
        /// The options of a connection that tries the login.
        let trial: RedisConnection.Options
    }

    private let connections: [Connections]
    /// A slot of the queue.
    private let slot: HashSlot
    private let logger: Logger
    /// The number of the last change: a renewal ends when another one begins.
    private let number = Atomic(0)

    private static let pauseSeconds = 1

    /// Renews the connections of no loop of callers.
    private let renewOthers: @Sendable (RedisTarget) -> Void

    /// - Parameters:
    ///   - connections: of each loop, not empty.
    ///   - renewOthers: renews all others of the process.
    init(
        _ connections: [Connections], slot: HashSlot, logger: Logger,
        renewOthers: @escaping @Sendable (RedisTarget) -> Void
    ) {
        self.renewOthers = renewOthers
        self.connections = connections
        self.slot = slot
        self.logger = logger
    }

    /// Begins to renew all connections. Any thread may call it.
    func use(_ redis: RedisConfiguration) {
        let target = RedisTarget(url: redis.url, tls: redis.tls)
        for loop in connections {
            loop.producer.adopt(target)
            loop.renewOthers(target)
        }
        renewOthers(target)
        let own = number.add(1, ordering: .relaxed).newValue
        Task(executorPreference: connections[0].loop) { await self.renew(target, own) }
    }

    private func isCurrent(_ own: Int) -> Bool { number.load(ordering: .relaxed) == own }

    private func renew(_ target: RedisTarget, _ own: Int) async {
        var pending = connections[...]
        var reported: RedisError?
        while isCurrent(own) {
            let error = await attempt(target, own, &pending)
            if error == nil, pending.isEmpty {
                logger.info(
                    "connections to Redis renewed",
                    metadata: ["redis": "\(target.url)", "loops": "\(connections.count)"])
                return
            }
            if let error, error != reported {
                reported = error
                logger.warning(
                    "connections to Redis not renewed: open ones stay, the login is tried again",
                    metadata: ["redis": "\(target.url)", "reason": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(RedisRenewal.pauseSeconds))
        }
    }

    /// Renews the pending connections until one fails.
    ///
    /// - Returns: why the login or a connection failed.
    private func attempt(
        _ target: RedisTarget, _ own: Int, _ pending: inout ArraySlice<Connections>
    ) async -> RedisError? {
        if let error = await trial(target) { return error }
        while isCurrent(own), let next = pending.first {
            if let error = await next.producer.renew() { return error }
            pending.removeFirst()
        }
        return nil
    }

    /// Why Redis does not accept the login.
    private func trial(_ target: RedisTarget) async -> RedisError? {
        var options = connections[0].trial
        options.tls = target.tls
        let client = RedisClient(
            url: target.url, on: connections[0].loop, options: options,
            // The failure is logged here.
            logger: Logger(label: "core-api.trial") { _ in SwiftLogNoOpLogHandler() })
        defer { client.close() }
        var ping = RedisCommand(capacity: 16)
        ping.add(["PING"])
        switch await client.reply(to: ping, slot: slot) {
        case .success: return nil
        case .failure(let failure):
            // The login has loaded scripts, which the right to PING is not needed for.
            if case .server = failure.reason { return nil }
            return failure.reason
        }
    }
}
