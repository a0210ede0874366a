/// A queue in a Redis Stream, for consumer groups in any language.
///
/// One entry is one transaction; `StreamEntry` has its fields.
public final class StreamTransactionQueue: TransactionQueue {
    /// The stream's key in Redis.
    public let key: String

    private let connection: RedisConnection

    /// Connects to Redis; throws if that fails. Later the connection comes back by itself.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`.
    ///   - key: not empty.
    public convenience init(url: String, key: String) async throws(RedisError) {
        self.init(connection: try await RedisConnection(opening: url), key: key)
    }

    package init(connection: RedisConnection, key: String) {
        precondition(!key.isEmpty, "a stream has a key")
        self.connection = connection
        self.key = key
    }

    public func enqueue(_ transaction: Transaction) async throws(QueueError) {
        let reply = try await connection.enqueue(StreamEntry(transaction).command(key: key))
        // The entry's ID, which Redis has made.
        guard case .bulk = reply else { throw .outcomeUnknown(.protocolViolation) }
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { connection.close() }
}
