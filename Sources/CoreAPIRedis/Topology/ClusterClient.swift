internal import CoreAPIBase

/// Asks one node of a cluster for its map, over a connection of its own. It lives on the thread of
/// its loop, and asks once.
final class ClusterClient: OutgoingConnectionOwner {
    private enum State {
        /// AUTH, if there is a login, and CLIENT SETNAME are sent.
        case loggingIn(repliesMissing: Int)
        /// `CLUSTER SHARDS` is sent, which Redis has since 7.0.
        case askingShards
        case askingSlots
    }

    private let address: RedisAddress
    private let login: RedisLogin
    private let usesTLS: Bool
    private let secrets: RedisSecrets
    private let connection: OutgoingConnection
    private var reader = RedisReplyReader()
    private var state: State
    private var completion: ((Result<ClusterMap, RedisError>) -> Void)?

    /// The time of an attempt, which includes the answer.
    private static let answerMilliseconds = 2_000

    /// - Parameter completion: is called once, unless `close` is called before.
    init(
        _ address: RedisAddress, _ url: RedisURL, tls: TLSContext?, on loop: EventLoop,
        completion: @escaping (Result<ClusterMap, RedisError>) -> Void
    ) {
        self.address = address
        self.completion = completion
        usesTLS = url.place.usesTLS
        secrets = RedisSecrets(url)
        login = RedisLogin(
            url.node(at: address), name: RedisClientName(role: "map"), scripts: [])
        state = .loggingIn(repliesMissing: login.replies.count)
        // The limit of an attempt includes the answer, since `established` is never called.
        connection = OutgoingConnection(
            to: .tcp(host: address.host, port: address.port), tls: usesTLS ? tls : nil, on: loop,
            attemptMilliseconds: ClusterClient.answerMilliseconds,
            backoff: Backoff(millisecondsMin: 1, millisecondsMax: 1))
    }

    /// Begins to connect.
    func start() {
        connection.start(for: self)
        // The attempt is due in the loop's next turn.
        connection.isWanted = true
    }

    /// Closes the connection. The completion is not called.
    func close() {
        completion = nil
        connection.close()
    }

    private func finish(_ result: Result<ClusterMap, RedisError>) {
        let completion = completion.take()
        connection.close()
        completion?(result)
    }

    private func ask(_ subcommand: String, _ state: State) {
        self.state = state
        var command = RedisCommand(capacity: 64)
        command.add("CLUSTER", subcommand)
        connection.send(command.bytes)
    }

    // MARK: - Replies

    private func received(_ reply: RedisReply) throws(RedisError) {
        switch (state, reply) {
        case (.loggingIn(let missing), _):
            let stillMissing = try login.received(reply, missing: missing, secrets)
            if stillMissing == 0 { return ask("SHARDS", .askingShards) }
            state = .loggingIn(repliesMissing: stillMissing)
        case (.askingShards, .error(let error)) where !error.isPassing:
            ask("SLOTS", .askingSlots)
        case (_, .error(let error)): throw .server(secrets.stripped(error))
        case (.askingShards, _):
            finish(try found(ClusterMap(shards: reply, asked: address, usesTLS: usesTLS)))
        case (.askingSlots, _): finish(try found(ClusterMap(slots: reply, asked: address)))
        }
    }

    /// A node that was removed from its cluster knows nobody.
    private func found(_ map: ClusterMap) -> Result<ClusterMap, RedisError> {
        map.masters.isEmpty ? .failure(.slotUnserved) : .success(map)
    }

    // MARK: - The connection

    func connectionOpened() { connection.send(login.command.bytes) }

    func connectionReceived(_ bytes: Span<UInt8>) { reader.feed(bytes) }

    func connectionReadEnded() {
        do {
            while completion != nil, let reply = try reader.next() { try received(reply) }
        } catch { finish(.failure(error)) }
    }

    func connectionLost(_ error: OutgoingConnectionError) { finish(.failure(RedisError(error))) }
}
