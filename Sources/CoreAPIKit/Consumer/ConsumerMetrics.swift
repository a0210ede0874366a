internal import CoreMetrics

/// The metrics of one consumer.
struct ConsumerMetrics: Sendable {
    /// Deliveries to handlers: `attempt` is `first` or `again`.
    static let deliveriesLabel = "core_api_consumer_deliveries_total"
    /// Settled entries: `result` is `acknowledged`, `retried`, `dead` or `removed`. `dead` includes
    /// entries that never reached a handler; `removed` counts entries that were removed from the
    /// stream while they were pending.
    static let settledLabel = "core_api_consumer_settled_total"

    let first: Counter
    let again: Counter
    let acknowledged: Counter
    let retried: Counter
    let dead: Counter
    let removed: Counter

    /// Nil for a factory that records no metrics.
    init?(_ factory: any MetricsFactory, key: String, group: String) {
        if factory is NOOPMetricsHandler { return nil }
        func counter(_ label: String, _ name: String, _ value: String) -> Counter {
            Counter(
                label: label, dimensions: [("stream", key), ("group", group), (name, value)],
                factory: factory)
        }
        first = counter(ConsumerMetrics.deliveriesLabel, "attempt", "first")
        again = counter(ConsumerMetrics.deliveriesLabel, "attempt", "again")
        acknowledged = counter(ConsumerMetrics.settledLabel, "result", "acknowledged")
        retried = counter(ConsumerMetrics.settledLabel, "result", "retried")
        dead = counter(ConsumerMetrics.settledLabel, "result", "dead")
        removed = counter(ConsumerMetrics.settledLabel, "result", "removed")
    }

    func delivered(attempt: Int) { (attempt == 1 ? first : again).increment() }
}
