/// Where accepted transactions wait for a PSP connector.
public protocol TransactionQueue: Sendable {
    /// Returns once the queue has confirmed that it holds the transaction.
    ///
    /// Callable from any executor. Transactions enqueued one after another keep their order.
    func enqueue(_ transaction: Transaction) async throws(QueueError)
}
