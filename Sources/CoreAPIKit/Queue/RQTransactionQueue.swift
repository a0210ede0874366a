/// A queue of python-rq: unmodified workers run each transaction as a job.
public final class RQTransactionQueue: TransactionQueue {
    /// The queue's name, without the prefix of its key.
    public let name: String

    private let connection: RedisConnection

    /// Connects to Redis; throws if that fails. Later the connection comes back by itself.
    ///
    /// - Parameters:
    ///   - url: `redis://[user[:password]@]host[:port][/db]`.
    ///   - name: what the worker was started with: `default`. Not empty.
    public convenience init(url: String, name: String = "default") async throws(RedisError) {
        self.init(connection: try await RedisConnection(opening: url), name: name)
    }

    package init(connection: RedisConnection, name: String) {
        precondition(!name.isEmpty, "a queue has a name")
        self.connection = connection
        self.name = name
    }

    /// Returns once the job is written and its id is in the list that workers take from: both or,
    /// if Redis refuses one, none that a worker could see.
    public func enqueue(_ transaction: Transaction) async throws(QueueError) {
        let reply = try await connection.enqueue(RQJob(transaction, queue: name).commands)
        // The replies of SADD, HSET and RPUSH. The job is queued if the last two had success: the
        // first only lists the queue's name for monitors.
        guard case .array(let replies) = reply, replies.count == 3 else {
            throw .outcomeUnknown(.protocolViolation)
        }
        switch (replies[1], replies[2]) {
        case (.integer, .integer): return
        case (_, .error(let error)): throw .unavailable(.server(error))
        // Queued without its hash: a worker drops it.
        case (.error(let error), _): throw .unavailable(.server(error))
        default: throw .outcomeUnknown(.protocolViolation)
        }
    }

    /// Ends the connection; what waits for its confirmation fails.
    public func close() { connection.close() }
}
