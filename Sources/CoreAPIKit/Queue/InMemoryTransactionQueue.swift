public import CoreAPIBase
public import CoreMetrics
internal import DequeModule
internal import Synchronization

/// A bounded queue in this process's memory, for tests and trials: no other process sees it.
///
/// Idempotency keys are remembered as in Redis, for 24 hours by the transactions' own times,
/// whether or not the transaction is still queued.
public final class InMemoryTransactionQueue: TransactionQueue {
    /// How many transactions it holds at most, and how many idempotency keys.
    public let capacity: Int

    private let contents = Mutex(Contents())
    private let metrics: QueueMetrics?

    private struct Contents {
        var waiting: Deque<Transaction> = []
        var records: [RecordKey: Transaction] = [:]
        /// The keys of the records, oldest first.
        var recordKeys: Deque<RecordKey> = []

        mutating func remember(_ transaction: Transaction, _ key: RecordKey) {
            records[key] = transaction
            recordKeys.append(key)
        }

        mutating func forgetRecords(before now: UnixTime) {
            let lifetime = Int64(IdempotencyKey.lifetimeSeconds) * 1_000_000_000
            while let oldest = recordKeys.first, let record = records[oldest],
                now.nanoseconds - record.createdAt.nanoseconds >= lifetime
            {
                recordKeys.removeFirst()
                records[oldest] = nil
            }
        }
    }

    private struct RecordKey: Hashable {
        let userID: Int
        let key: IdempotencyKey
    }

    /// - Parameters:
    ///   - capacity: at least 1.
    ///   - metrics: where it records what it does: by default what the process was bootstrapped
    ///     with.
    /// - Throws: `ArgumentError` for a capacity below 1.
    public convenience init(
        capacity: Int, metrics: any MetricsFactory = MetricsSystem.factory
    ) throws(ArgumentError) {
        try ArgumentError.check(capacity >= 1, "capacity", "at least 1")
        self.init(validCapacity: capacity, metrics: metrics)
    }

    /// A queue of at most 10,000 transactions.
    ///
    /// - Parameter metrics: where it records what it does: by default what the process was
    ///   bootstrapped with.
    public convenience init(metrics: any MetricsFactory = MetricsSystem.factory) {
        self.init(validCapacity: 10_000, metrics: metrics)
    }

    /// - Parameter validCapacity: at least 1.
    package init(validCapacity capacity: Int, metrics: any MetricsFactory) {
        precondition(capacity >= 1, "InMemoryTransactionQueue.init(validCapacity:) below 1")
        self.capacity = capacity
        self.metrics = QueueMetrics(metrics, queue: "memory")
    }

    /// Returns at once, or throws ``QueueError/full`` at the capacity: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try outcome(transaction, idempotencyKey).get()
    }

    private func outcome(
        _ transaction: Transaction, _ idempotencyKey: IdempotencyKey?
    ) -> Result<EnqueueOutcome, QueueError> {
        func outcome() -> Result<EnqueueOutcome, QueueError> {
            Result { () throws(QueueError) in try add(transaction, idempotencyKey) }
        }
        guard let metrics else { return outcome() }
        let start = MonotonicTime.now()
        let result = outcome()
        metrics.record(result, nanoseconds: MonotonicTime.now().nanoseconds(since: start))
        return result
    }

    private func add(
        _ transaction: Transaction, _ idempotencyKey: IdempotencyKey?
    ) throws(QueueError) -> EnqueueOutcome {
        let capacity = capacity
        let recordKey = idempotencyKey.map { RecordKey(userID: transaction.userID, key: $0) }
        return try contents.withLock { contents throws(QueueError) in
            contents.forgetRecords(before: transaction.createdAt)
            if let recordKey, let first = contents.records[recordKey] {
                guard first.amount == transaction.amount, first.currency == transaction.currency
                else { throw .idempotencyKeyReused }
                return .replayed(first.id)
            }
            guard contents.waiting.count < capacity, contents.records.count < capacity else {
                throw .full
            }
            contents.waiting.append(transaction)
            if let recordKey { contents.remember(transaction, recordKey) }
            return .enqueued
        }
    }

    /// What is queued, oldest first.
    public var transactions: [Transaction] { contents.withLock { Array($0.waiting) } }

    /// Removes and returns the oldest transaction; nil if there is none.
    public func take() -> Transaction? { contents.withLock { $0.waiting.popFirst() } }
}

extension InMemoryTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        outcome(pending.transaction, pending.idempotencyKey)
    }
}
