internal import CoreAPIKit
internal import CoreAPIRedis

/// Every metric that the server exposes. docs/operations.md explains how to read them.
enum MetricCatalogue {
    // MARK: - HTTP

    static let requests = MetricDescription(
        "core_api_http_requests_total", .counter,
        "Answered requests, by route, method and status.")
    static let requestDuration = MetricDescription(
        "core_api_http_request_duration_seconds", .histogram,
        "Time from the turn that completed a request until its response was built, by route.")
    static let refusals = MetricDescription(
        "core_api_refusals_total", .counter,
        "Refused requests, by problem code.")
    static let connectionsAccepted = MetricDescription(
        "core_api_http_connections_opened_total", .counter,
        "Callers' connections since the start, by admission: served, refused with a 503, "
            + "or dropped without a response.")
    static let connections = MetricDescription(
        "core_api_http_connections", .gauge, "Callers' connections that the server serves now.")
    static let connectionsMax = MetricDescription(
        "core_api_http_connections_max", .gauge, "Limit of callers' connections: MAX_CONNECTIONS.")
    static let inFlight = MetricDescription(
        "core_api_transactions_in_flight", .gauge,
        "Transactions that wait for the queue's confirmation.")
    static let inFlightMax = MetricDescription(
        "core_api_transactions_in_flight_max", .gauge,
        "Limit of transactions in flight, over all event loops; more are refused.")

    static let spansExported = MetricDescription(
        "core_api_trace_spans_exported_total", .counter, "Spans that the collector has taken.")
    static let spansDropped = MetricDescription(
        "core_api_trace_spans_dropped_total", .counter,
        "Spans that were not exported, by reason: the buffer was full, the collector was "
            + "unavailable, or it rejected them.")

    // MARK: - Metrics of the Kit: see docs/embedding.md

    static let enqueues = MetricDescription(
        QueueMetrics.enqueuesLabel, .counter,
        "Transactions that the queue has confirmed, by outcome: enqueued by this request, or "
            + "replayed from an earlier one.")
    static let enqueueFailures = MetricDescription(
        QueueMetrics.failuresLabel, .counter,
        "Transactions that the queue has not confirmed, by outcome and reason.")
    static let enqueueDuration = MetricDescription(
        QueueMetrics.durationLabel, .histogram,
        "Time from the enqueue call until the queue confirmed or refused the transaction.")
    static let confirmationsLost = MetricDescription(
        QueueMetrics.confirmationsLostLabel, .counter,
        "Transactions that Redis confirmed and then lost, in a failover or a crash.")
    static let confirmationsReplayed = MetricDescription(
        QueueMetrics.confirmationsReplayedLabel, .counter,
        "Transactions that Redis confirmed and lost, sent again under the same id.")

    // MARK: - Metrics that a scrape reads from Redis: absent if Redis does not reply

    static let queueDepth = MetricDescription(
        "core_api_queue_depth", .gauge, "Transactions that wait in the queue.")
    static let queueAge = MetricDescription(
        "core_api_queue_oldest_age_seconds", .gauge, "Age of the oldest waiting transaction.")
    static let queueWorkers = MetricDescription(
        "core_api_queue_workers_alive", .gauge,
        "Workers or consumers of the queue that were active lately.")
    static let queueWorkersRegistered = MetricDescription(
        "core_api_queue_workers_registered", .gauge,
        "Workers or consumers of the queue that are registered in Redis.")

    // MARK: - Connections to Redis

    static let redisConnections = MetricDescription(
        RedisConnectionMetrics.connectionsLabel, .gauge,
        "Connections to Redis that the server maintains, ready or not.")
    static let redisConnectionsReady = MetricDescription(
        RedisConnectionMetrics.readyLabel, .gauge,
        "Connections to Redis that are ready for commands.")
    static let redisReconnects = MetricDescription(
        RedisConnectionMetrics.reconnectsLabel, .counter, "Reconnections to Redis.")
    static let redisFailures = MetricDescription(
        RedisConnectionMetrics.failuresLabel, .counter,
        "Connections to Redis that broke or failed to connect, by reason.")

    // MARK: - The issuer's key set: absent without one

    static let keySetKeys = MetricDescription(
        "core_api_key_set_keys", .gauge,
        "Keys in use that can verify tokens; 0 while there is no key set in use.")
    static let keySetAge = MetricDescription(
        "core_api_key_set_age_seconds", .gauge,
        "Time since the fetch that brought the key set in use; absent without one.")
    static let keySetFetches = MetricDescription(
        "core_api_key_set_fetches_total", .counter,
        "Fetches of the key set, by result: success, or why there is no set.")

    // MARK: - Loops and process

    static let turnDuration = MetricDescription(
        "core_api_loop_turn_duration_seconds", .histogram,
        "Duration of an event loop's turn: how long events that arrive meanwhile wait.")
    static let turnLongest = MetricDescription(
        "core_api_loop_turn_longest_seconds", .gauge,
        "The longest turn of any event loop in the last one to two minutes.")
    static let loops = MetricDescription("core_api_loops", .gauge, "Event loops: THREADS.")
    static let buildInfo = MetricDescription(
        "core_api_build_info", .gauge, "Always 1; the label names the running version.")
    static let processCPU = MetricDescription(
        "process_cpu_seconds_total", .counter, "CPU time of the process, user and system.")
    static let processMemory = MetricDescription(
        "process_resident_memory_bytes", .gauge, "Resident memory of the process.")
    static let processVirtualMemory = MetricDescription(
        "process_virtual_memory_bytes", .gauge, "Address space of the process.")
    static let processOpenFiles = MetricDescription(
        "process_open_fds", .gauge, "Open file descriptors.")
    static let processOpenFilesMax = MetricDescription(
        "process_max_fds", .gauge, "Limit of open file descriptors.")
    static let processStart = MetricDescription(
        "process_start_time_seconds", .gauge, "Start time of the process, in seconds since 1970.")

    static let all = [
        requests, requestDuration, refusals, connectionsAccepted, connections, connectionsMax,
        inFlight, inFlightMax, enqueues, enqueueFailures, enqueueDuration, confirmationsLost,
        confirmationsReplayed, queueDepth, queueAge, queueWorkers, queueWorkersRegistered,
        redisConnections, redisConnectionsReady, redisReconnects, redisFailures, keySetKeys,
        keySetAge, keySetFetches, turnDuration, turnLongest, loops, buildInfo, processCPU,
        processMemory, processVirtualMemory, processOpenFiles, processOpenFilesMax, processStart,
        spansExported, spansDropped,
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The family of a metric; nil if the catalogue has no such metric, which is then not exposed.
    static func description(_ name: String, _ kind: MetricDescription.Kind) -> MetricDescription? {
        byName[name].flatMap { $0.kind == kind ? $0 : nil }
    }
}
