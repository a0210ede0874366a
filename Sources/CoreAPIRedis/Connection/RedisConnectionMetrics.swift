package import CoreMetrics

/// What a connection to Redis records of itself. It is used on the connection's loop alone.
package struct RedisConnectionMetrics {
    /// How many connections are kept, be Redis there or not.
    package static let connectionsLabel = "core_api_redis_connections"
    /// How many of them can take commands now.
    package static let readyLabel = "core_api_redis_connections_ready"
    /// How often a connection came back.
    package static let reconnectsLabel = "core_api_redis_reconnects_total"
    /// How often one broke, or could not be made: `reason` says why.
    package static let failuresLabel = "core_api_redis_connection_failures_total"

    private let factory: any MetricsFactory
    private let connections: Meter
    private let ready: Meter
    private let reconnects: Counter
    private var failures: [String: Counter] = [:]
    private var isReady = false
    private var wasReady = false

    /// Nil if nothing is recorded.
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
