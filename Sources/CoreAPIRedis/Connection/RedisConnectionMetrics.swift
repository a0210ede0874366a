package import CoreMetrics

/// The metrics of one connection to Redis. Only the connection's loop uses it.
package struct RedisConnectionMetrics {
    /// Gauge: connections that the process keeps, connected or not.
    package static let connectionsLabel = "core_api_redis_connections"
    /// Gauge: connections that are ready for commands.
    package static let readyLabel = "core_api_redis_connections_ready"
    /// Counter: successful reconnects.
    package static let reconnectsLabel = "core_api_redis_reconnects_total"
    /// Counter: broken connections and failed attempts, by `reason`.
    package static let failuresLabel = "core_api_redis_connection_failures_total"

    private let factory: any MetricsFactory
    private let connections: Meter
    private let ready: Meter
    private let reconnects: Counter
    private var failures: [String: Counter] = [:]
    private var isReady = false
    private var wasReady = false

    /// Nil if the factory records nothing.
    package init?(_ factory: any MetricsFactory) {
        if factory is NOOPMetricsHandler { return nil }
        self.factory = factory
        connections = Meter(label: RedisConnectionMetrics.connectionsLabel, factory: factory)
        ready = Meter(label: RedisConnectionMetrics.readyLabel, factory: factory)
        reconnects = Counter(label: RedisConnectionMetrics.reconnectsLabel, factory: factory)
    }

    package func started() { connections.increment() }

    mutating func becameReady() {
        guard !isReady else { return }
        isReady = true
        ready.increment()
        if wasReady { reconnects.increment() }
        wasReady = true
    }

    package mutating func lost(_ error: RedisError) {
        endReadiness()
        let reason = error.reason
        let counter =
            failures[reason]
            ?? Counter(
                label: RedisConnectionMetrics.failuresLabel, dimensions: [("reason", reason)],
                factory: factory)
        failures[reason] = counter
        counter.increment()
    }

    package mutating func closed() {
        endReadiness()
        connections.decrement()
    }

    private mutating func endReadiness() {
        if isReady { ready.decrement() }
        isReady = false
    }
}
