/// Where accepted transactions wait for a PSP connector.
public protocol TransactionQueue: Sendable {
    /// Returns once the queue has confirmed that it holds the transaction.
    ///
    /// Callable from any executor. Transactions enqueued one after another keep their order.
    ///
    /// - Parameters:
    ///   - transaction: has passed every check.
    ///   - idempotencyKey: with it, the first transaction of this user and key is enqueued; a later
    ///     one of the same amount and currency is answered by the first's id, and one of another
    ///     amount or currency is refused (``QueueError/idempotencyKeyReused``). Check and
    ///     enqueueing are one step, also if other processes use the queue.
    func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome
}

extension TransactionQueue {
    /// Enqueues a transaction that has no idempotency key.
    public func enqueue(_ transaction: Transaction) async throws(QueueError) {
        _ = try await enqueue(transaction, idempotencyKey: nil)
    }
}
