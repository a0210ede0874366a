/// The bounds of one producer session.
package struct ProducerLimits: Sendable {
    /// From `submit` until the outcome, waiting for connections included, in milliseconds.
    package var messageTimeoutMilliseconds = 5_000
    /// Messages without an outcome.
    package var pendingMax = 16_384
    /// Bytes of those messages.
    package var pendingBytesMax = 16 * 1024 * 1024
    /// Messages of one call: Redis executes nothing else meanwhile (docs/performance.md).
    package var batchMax = 64
    /// Batches without a reply: more than there are under a full load, and few enough that what is
    /// sent again after a loss takes no turn of the loop for itself.
    package var batchesInFlightMax = 16
    /// Whether a batch that is not full gathers further messages while another has no reply.
    package var gathersWhileInFlight = false
    /// Bytes of confirmed messages that are kept, to be sent again if Redis loses them; 0: none.
    package var historyBytesMax = 16 * 1024 * 1024
    /// How long a confirmed message is kept: longer than a failover takes.
    package var historyMilliseconds = 30_000

    package init() {}

    /// The limits of a queue with so many partitions. The messages of a turn are shared out among
    /// them, and each call costs Redis more than a message: so what comes to a partition while it
    /// waits for a reply gathers (docs/decisions/0022-partitions.md).
    package func forPartitions(_ count: Int) -> ProducerLimits {
        var limits = self
        limits.gathersWhileInFlight = count > 1
        return limits
    }
}
