internal import CoreAPIBase

/// The subscription to one sentinel's announcements of failovers. It lives on the thread of its
/// loop.
///
/// An announcement saves the time in which a connection notices by itself that its server is gone.
/// Nothing depends on it.
final class SentinelSubscription: EventHandler, OutgoingConnectionOwner {
    typealias Failover = (_ old: RedisAddress, _ new: RedisAddress) -> Void

    private let master: String
    private let commands: SentinelCommands
    private let connection: OutgoingConnection
    private let loop: EventLoop
    /// The known sentinels, the best first.
    private let sentinels: () -> [RedisAddress]
    private let onFailover: Failover
    private var reader = RedisReplyReader()
    private var repliesMissing = 0
    /// Failed attempts since the last success: the next one is to another sentinel.
    private var failures = 0
    /// Whether anything has arrived since the last check.
    private var hasHeard = false
    private var checksAt = MonotonicTime.never

    private static let attemptMilliseconds = 1_000
    private static let backoff = Backoff(millisecondsMin: 100, millisecondsMax: 5_000)
    /// A sentinel that is silent for twice as long is given up, although it got a `PING`.
    private static let checkMilliseconds = 5_000

    init(
        _ target: RedisSentinels, _ commands: SentinelCommands, tls: TLSContext?,
        on loop: EventLoop, sentinels: @escaping () -> [RedisAddress],
        onFailover: @escaping Failover
    ) {
        master = target.master
        self.commands = commands
        self.loop = loop
        self.sentinels = sentinels
        self.onFailover = onFailover
        connection = OutgoingConnection(
            to: nil, tls: tls, on: loop,
            attemptMilliseconds: SentinelSubscription.attemptMilliseconds,
            backoff: SentinelSubscription.backoff)
        loop.addTimed(self)
        connection.start(for: self)
    }

    func close() {
        connection.close()
        loop.removeTimed(self)
    }

    func connectionLocating() {
        let sentinels = sentinels()
        let address = sentinels[failures % sentinels.count]
        connection.located(at: .tcp(host: address.host, port: address.port))
    }

    func connectionOpened() {
        reader = RedisReplyReader()
        repliesMissing = commands.loginReplyCount + 1
        connection.send(commands.login + commands.subscription)
    }

    func connectionReceived(_ bytes: Span<UInt8>) {
        hasHeard = true
        reader.feed(bytes)
    }

    func connectionReadEnded() {
        do {
            while connection.isOpen, let reply = try reader.next() { received(reply) }
        } catch { end() }
    }

    private func received(_ reply: RedisReply) {
        let position = commands.loginReplyCount + 2 - repliesMissing
        if case .error = reply, position != commands.nameReply { return end() }
        if repliesMissing > 0 {
            repliesMissing -= 1
            if repliesMissing == 0 { subscribed() }
        } else if let (old, new) = SentinelAnswer.failover(reply, of: master) {
            onFailover(old, new)
        }
    }

    private func subscribed() {
        connection.established()
        connection.succeeded()
        failures = 0
        hasHeard = true
        scheduleCheck()
    }

    private func scheduleCheck() {
        checksAt = loop.now.advanced(byMilliseconds: SentinelSubscription.checkMilliseconds)
        loop.bringForward(checksAt)
    }

    private func end() {
        connection.end()
        connectionLost(.connectionLost)
    }

    func connectionLost(_ error: OutgoingConnectionError) {
        checksAt = .never
        failures += 1
    }

    // MARK: - Signs of life

    var deadline: MonotonicTime { checksAt }

    func deadlineReached(now: MonotonicTime) {
        guard hasHeard else { return end() }
        hasHeard = false
        scheduleCheck()
        connection.send(commands.ping)
    }
}
