internal import CoreAPIBase
package import CoreAPIRedis

/// A queue for callers on its own loop, which it calls instead of resuming a task: a task that
/// waits costs more than most checks of a transaction
/// (docs/decisions/0017-connections-are-no-tasks.md).
package protocol CallbackTransactionQueue: TransactionQueue {
    /// As `TransactionQueue.enqueue`, to be called on the loop's thread. Returns what is known at
    /// once; nil if `pending` is resumed later, on the same thread and exactly once.
    func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome?
}

/// A transaction that is being enqueued, and the function that gets its outcome.
///
/// It belongs to the caller's loop. A caller has one for all of its transactions, one after the
/// other.
package final class PendingTransaction: @unchecked Sendable {
    package typealias Outcome = Result<EnqueueOutcome, QueueError>

    private let confirmed: (PendingTransaction, Outcome) -> Void
    // Private, so that the compiler proves exclusive access and emits no check at run time.
    private var held: Transaction
    private var heldKey: IdempotencyKey?
    /// The queue that has sent the transaction to Redis.
    private var sender: RedisQueue?
    private var sent = MonotonicTime.never
    /// What the user's limit allows behind the transaction that has its outcome; nil if no rate is
    /// limited, or the queue could not tell.
    package var allowance: RateAllowance?

    /// - Parameter confirmed: is called with what has become of the transaction, unless the queue
    ///   knew at once.
    package init(
        _ transaction: consuming Transaction, _ idempotencyKey: IdempotencyKey?,
        _ confirmed: @escaping (PendingTransaction, Outcome) -> Void
    ) {
        held = transaction
        heldKey = idempotencyKey
        self.confirmed = confirmed
    }

    /// Takes the place of the transaction before it, which has its outcome.
    package func hold(_ transaction: consuming Transaction, _ idempotencyKey: IdempotencyKey?) {
        precondition(sender == nil, "hold() while a transaction is enqueued")
        // The old values end after the accesses, which need no checks at run time then.
        _ = exchange(&held, with: transaction)
        _ = exchange(&heldKey, with: idempotencyKey)
        allowance = nil
    }

    /// Makes the transaction a part of the trace of another span.
    package func trace(_ parent: TraceParent) {
        precondition(sender == nil, "trace() while a transaction is enqueued")
        held = held.traced(parent, held.traceState)
    }

    package var transaction: Transaction { held }

    package var idempotencyKey: IdempotencyKey? { heldKey }

    /// The transaction as the caller gets it.
    package func accepted(_ outcome: EnqueueOutcome) -> AcceptedTransaction {
        AcceptedTransaction(held, outcome)
    }

    /// What the queue's script has to know of it.
    var traits: ProducerTraits {
        ProducerTraits(
            isKeyed: heldKey != nil, isExtended: held.traceParent != nil)
    }

    package func resume(returning outcome: Outcome) { confirmed(self, outcome) }

    // MARK: - Redis

    func wasSent(by sender: RedisQueue, at time: MonotonicTime) {
        (self.sender, sent) = (sender, time)
    }

    /// What the session's outcome means, which ends the wait for it.
    func outcome(of result: Result<ProducerOutcome, RedisFailure>) -> Outcome {
        guard let sender = sender.take() else {
            preconditionFailure("outcome(of:) before wasSent()")
        }
        return sender.outcome(of: result, self, since: sent)
    }
}

extension PendingTransaction: ProducerReceiver {
    package func received(_ outcome: Result<ProducerOutcome, RedisFailure>) {
        confirmed(self, self.outcome(of: outcome))
    }
}
