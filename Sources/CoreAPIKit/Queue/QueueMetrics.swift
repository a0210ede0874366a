internal import CoreAPIRedis
package import CoreMetrics
internal import Synchronization

/// What a queue records of itself: made once for each queue, from any backend of swift-metrics.
///
/// No label is of a caller's bytes: `queue` is what the operator or embedder has named, the others
/// are of closed lists.
package final class QueueMetrics: Sendable {
    /// Transactions that are confirmed: `result` says whether by this call or by an earlier one.
    package static let enqueuesLabel = "core_api_queue_enqueues_total"
    /// Transactions that are not confirmed: `outcome` says whether they may be enqueued, `reason`
    /// why.
    package static let failuresLabel = "core_api_queue_enqueue_failures_total"
    /// From `enqueue` to its answer, whatever that is.
    package static let durationLabel = "core_api_queue_enqueue_duration_seconds"

    /// Counter: confirmed transactions that Redis has lost.
    package static let confirmationsLostLabel = "core_api_redis_confirmations_lost_total"
    /// Counter: those of them that were sent again.
    package static let confirmationsReplayedLabel = "core_api_redis_confirmations_replayed_total"

    private let factory: any MetricsFactory
    private let queue: String
    private let enqueued: Counter
    private let replayed: Counter
    private let duration: Timer
    private let confirmationsLost: Counter
    private let confirmationsReplayed: Counter
    /// By outcome and reason: those that have happened.
    private let failures = Mutex<[[String]: Counter]>([:])

    /// Nil if nothing is recorded: then nothing is measured either.
    ///
    /// - Parameter queue: names it, as the server's variable `QUEUE` does: `stream:transactions`.
    package init?(_ factory: any MetricsFactory, queue: String) {
        if factory is NOOPMetricsHandler { return nil }
        self.factory = factory
        self.queue = queue
        func enqueues(_ result: String) -> Counter {
            Counter(
                label: QueueMetrics.enqueuesLabel,
                dimensions: [("queue", queue), ("result", result)], factory: factory)
        }
        enqueued = enqueues("enqueued")
        replayed = enqueues("replayed")
        func confirmations(_ label: String) -> Counter {
            Counter(label: label, dimensions: [("queue", queue)], factory: factory)
        }
        confirmationsLost = confirmations(QueueMetrics.confirmationsLostLabel)
        confirmationsReplayed = confirmations(QueueMetrics.confirmationsReplayedLabel)
        duration = Timer(
            label: QueueMetrics.durationLabel, dimensions: [("queue", queue)], factory: factory)
    }

    package func record(_ result: Result<EnqueueOutcome, QueueError>, nanoseconds: Int64) {
        duration.recordNanoseconds(nanoseconds)
        switch result {
        case .success(.enqueued): enqueued.increment()
        case .success(.replayed): replayed.increment()
        case .failure(let error): failure(error).increment()
        }
    }

    func record(_ losses: ProducerLosses) {
        guard let lost = losses.lost, !lost.isSameRun else { return }
        confirmationsLost.increment(by: Int64(lost.count))
        confirmationsReplayed.increment(by: Int64(lost.replayed.count))
    }

    private func failure(_ error: QueueError) -> Counter {
        let outcome = error.mayBeEnqueued ? "unknown" : "not_enqueued"
        let reason = error.reason
        return failures.withLock { failures in
            if let counter = failures[[outcome, reason]] { return counter }
            let counter = Counter(
                label: QueueMetrics.failuresLabel,
                dimensions: [("queue", queue), ("outcome", outcome), ("reason", reason)],
                factory: factory)
            failures[[outcome, reason]] = counter
            return counter
        }
    }
}

extension QueueError {
    fileprivate var mayBeEnqueued: Bool {
        if case .outcomeUnknown = self { true } else { false }
    }

    /// One word for each kind of reason.
    fileprivate var reason: String {
        switch self {
        case .full: "full"
        case .idempotencyKeyReused: "idempotency_key_reused"
        case .rateLimited: "rate_limited"
        case .unavailable(let error), .outcomeUnknown(let error): error.reason
        }
    }
}
