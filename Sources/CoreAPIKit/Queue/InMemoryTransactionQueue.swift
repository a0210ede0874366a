public import CoreAPIBase
public import CoreMetrics
internal import DequeModule
internal import Synchronization

/// A bounded queue in this process's memory, for tests and trials: no other process sees it.
///
/// Idempotency keys are remembered as in Redis, for 24 hours by the transactions' own times,
/// whether or not the transaction is still queued.
///
/// With `statusSeconds` it is a ``TransactionStatusStore`` too. Who takes transactions then settles
/// each by `acknowledge`, `retry` or `reject`.
public final class InMemoryTransactionQueue: TransactionQueue {
    /// How many transactions it holds at most, and how many idempotency keys.
    public let capacity: Int

    private let contents: Mutex<Contents>
    private let metrics: QueueMetrics?
    private let limitsRate: Bool

    private struct Contents {
        var waiting: Deque<Transaction> = []
        var records: [RecordKey: Transaction] = [:]
        /// The keys of the records, oldest first.
        var recordKeys: Deque<RecordKey> = []
        var statuses: InMemoryStatuses
        /// Nil if no rate is limited.
        var rates: UserRates?

        init(statuses: InMemoryStatuses, rates: UserRates?) {
            self.statuses = statuses
            self.rates = rates
        }

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
    ///   - statusSeconds: how long the status of a transaction is kept after its last change: 0,
    ///     which keeps none, to a year. At most `capacity` statuses are kept.
    ///   - rateLimit: how many transactions of each user are accepted; nil for any number.
    ///   - metrics: where it records what it does: by default what the process was bootstrapped
    ///     with.
    /// - Throws: `ArgumentError` for an argument out of its bounds.
    public convenience init(
        capacity: Int, statusSeconds: Int = 0, rateLimit: RateLimit? = nil,
        metrics: any MetricsFactory = MetricsSystem.factory
    ) throws(ArgumentError) {
        try ArgumentError.check(capacity >= 1, "capacity", "at least 1")
        try ArgumentError.check(
            QueueOptions.statusSecondsBounds.contains(statusSeconds), "statusSeconds",
            "0 to 31536000 seconds")
        self.init(
            validCapacity: capacity, statusSeconds: statusSeconds, rateLimit: rateLimit,
            metrics: metrics)
    }

    /// A queue of at most 10,000 transactions.
    ///
    /// - Parameter metrics: where it records what it does: by default what the process was
    ///   bootstrapped with.
    public convenience init(metrics: any MetricsFactory = MetricsSystem.factory) {
        self.init(validCapacity: 10_000, metrics: metrics)
    }

    /// - Parameters:
    ///   - validCapacity: at least 1.
    ///   - statusSeconds: within `QueueOptions.statusSecondsBounds`.
    package init(
        validCapacity capacity: Int, statusSeconds: Int = 0, rateLimit: RateLimit? = nil,
        metrics: any MetricsFactory
    ) {
        precondition(capacity >= 1, "InMemoryTransactionQueue.init(validCapacity:) below 1")
        self.capacity = capacity
        limitsRate = rateLimit != nil
        contents = Mutex(
            Contents(
                statuses: InMemoryStatuses(seconds: statusSeconds, countMax: capacity),
                rates: rateLimit.map { UserRates($0) }))
        self.metrics = QueueMetrics(metrics, queue: "memory")
    }

    /// Returns at once, or throws ``QueueError/full`` at the capacity: see ``TransactionQueue``.
    public func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        var allowance: RateAllowance?
        return try outcome(transaction, idempotencyKey, &allowance).get()
    }

    private func outcome(
        _ transaction: Transaction, _ idempotencyKey: IdempotencyKey?,
        _ allowance: inout RateAllowance?
    ) -> Result<EnqueueOutcome, QueueError> {
        func outcome() -> Result<EnqueueOutcome, QueueError> {
            do throws(QueueError) {
                return .success(try add(transaction, idempotencyKey, &allowance))
            } catch { return .failure(error) }
        }
        guard let metrics else { return outcome() }
        let start = MonotonicTime.now()
        let result = outcome()
        metrics.record(result, nanoseconds: MonotonicTime.now().nanoseconds(since: start))
        return result
    }

    private func add(
        _ transaction: Transaction, _ idempotencyKey: IdempotencyKey?,
        _ allowance: inout RateAllowance?
    ) throws(QueueError) -> EnqueueOutcome {
        let (capacity, limitsRate) = (capacity, limitsRate)
        let userID = transaction.userID
        let now = limitsRate ? Int(UnixTime.now().nanoseconds / 1_000) : 0
        let recordKey = idempotencyKey.map { RecordKey(userID: transaction.userID, key: $0) }
        return try contents.withLock { contents throws(QueueError) in
            defer { if limitsRate { allowance = contents.rates?.allowance(userID, now: now) } }
            contents.forgetRecords(before: transaction.createdAt)
            if let recordKey, let first = contents.records[recordKey] {
                guard first.amount == transaction.amount, first.currency == transaction.currency
                else { throw .idempotencyKeyReused }
                return .replayed(first.id)
            }
            guard contents.waiting.count < capacity, contents.records.count < capacity else {
                throw .full
            }
            guard !limitsRate || contents.rates?.take(userID, now: now) != false else {
                let allowance = contents.rates?.allowance(userID, now: now)
                throw .rateLimited(retryAfterSeconds: allowance?.seconds ?? 1)
            }
            contents.waiting.append(transaction)
            contents.statuses.set(transaction, .queued, now: transaction.createdAt)
            if let recordKey { contents.remember(transaction, recordKey) }
            return .enqueued
        }
    }

    /// What is queued, oldest first.
    public var transactions: [Transaction] { contents.withLock { Array($0.waiting) } }

    /// Removes and returns the oldest transaction; nil if there is none.
    public func take() -> Transaction? {
        contents.withLock { contents in
            guard let transaction = contents.waiting.popFirst() else { return nil }
            contents.statuses.set(transaction, .processing, attempts: 1, now: .now())
            return transaction
        }
    }

    /// A transaction that was taken is processed.
    public func acknowledge(_ transaction: Transaction) { set(transaction, .processed) }

    /// A transaction that was taken is never processed.
    public func reject(_ transaction: Transaction) { set(transaction, .failed) }

    /// A transaction that was taken is queued once more, as the last; throws
    /// ``QueueError/full`` at the capacity.
    public func retry(_ transaction: Transaction) throws(QueueError) {
        let capacity = capacity
        try contents.withLock { contents throws(QueueError) in
            guard contents.waiting.count < capacity else { throw .full }
            contents.waiting.append(transaction)
            contents.statuses.set(transaction, .queued, now: .now())
        }
    }

    private func set(_ transaction: Transaction, _ state: TransactionStatus.State) {
        contents.withLock { $0.statuses.set(transaction, state, now: .now()) }
    }
}

extension InMemoryTransactionQueue: TransactionStatusStore {
    /// The status of a transaction of the user: see ``TransactionStatusStore``.
    public func status(
        of id: TransactionID, userID: Int
    ) async throws(TransactionStatusError) -> TransactionStatus? {
        contents.withLock { contents in
            guard let status = contents.statuses[id, .now()], status.userID == userID else {
                return nil
            }
            return status
        }
    }
}

extension InMemoryTransactionQueue: CallbackTransactionQueue {
    package func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        outcome(pending.transaction, pending.idempotencyKey, &pending.allowance)
    }
}
