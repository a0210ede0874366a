internal import DequeModule
internal import Synchronization

/// A queue in this process's memory, bounded: for tests and trials, where no one else must see it.
public final class InMemoryTransactionQueue: TransactionQueue {
    /// How many transactions it holds at most.
    public let capacity: Int

    private let waiting = Mutex<Deque<Transaction>>([])

    /// - Parameter capacity: at least 1.
    public init(capacity: Int = 10_000) {
        precondition(capacity >= 1, "a queue holds at least one transaction")
        self.capacity = capacity
    }

    public func enqueue(_ transaction: Transaction) async throws(QueueError) {
        let isEnqueued = waiting.withLock { waiting in
            guard waiting.count < capacity else { return false }
            waiting.append(transaction)
            return true
        }
        guard isEnqueued else { throw .full }
    }

    /// What is queued, oldest first.
    public var transactions: [Transaction] { waiting.withLock { Array($0) } }

    /// Removes and returns the oldest transaction; nil if there is none.
    public func take() -> Transaction? { waiting.withLock { $0.popFirst() } }
}
