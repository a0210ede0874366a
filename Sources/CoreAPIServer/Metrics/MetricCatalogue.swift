internal import CoreAPIKit
internal import CoreAPIRedis

/// Every metric that the server exposes. docs/operations.md says what to make of them.
enum MetricCatalogue {
    // MARK: - HTTP

    static let requests = MetricDescription(
        "core_api_http_requests_total", .counter,
        "Requests that were answered, by resource, method and status.")
    static let requestDuration = MetricDescription(
        "core_api_http_request_duration_seconds", .histogram,
        "From the turn in which a request was complete until its answer was made, by resource.")
    static let refusals = MetricDescription(
        "core_api_refusals_total", .counter,
        "Requests that were refused, by the problem's code.")
    static let connectionsAccepted = MetricDescription(
        "core_api_http_connections_opened_total", .counter,
        "Callers' connections since the start, by what became of them: served, refused (told so) "
            + "or dropped.")
    static let connections = MetricDescription(
        "core_api_http_connections", .gauge, "Callers' connections that are served now.")
    static let connectionsMax = MetricDescription(
        "core_api_http_connections_max", .gauge, "How many may be served: MAX_CONNECTIONS.")
    static let inFlight = MetricDescription(
        "core_api_transactions_in_flight", .gauge, "Transactions that wait for the queue now.")
    static let inFlightMax = MetricDescription(
        "core_api_transactions_in_flight_max", .gauge,
        "How many may wait, over all event loops, before one more is refused.")

    // MARK: - The Kit's: see docs/embedding.md

    static let enqueues = MetricDescription(
        QueueMetrics.enqueuesLabel, .counter,
        "Transactions that the queue has confirmed, by whether it has them by this request or "
            + "by an earlier one.")
    static let enqueueFailures = MetricDescription(
        QueueMetrics.failuresLabel, .counter,
        "Transactions that the queue has not confirmed, by outcome and reason.")
    static let enqueueDuration = MetricDescription(
        QueueMetrics.durationLabel, .histogram,
        "How long the queue took to answer, confirmation or not.")
    // MARK: - What the server asks Redis: left out where Redis does not tell

    static let queueDepth = MetricDescription(
        "core_api_queue_depth", .gauge, "Transactions that wait in the queue.")
    static let queueAge = MetricDescription(
        "core_api_queue_oldest_age_seconds", .gauge, "How long the oldest of them has waited.")
    static let queueWorkers = MetricDescription(
        "core_api_queue_workers_alive", .gauge,
        "Workers or consumers of the queue that were heard of lately.")
    static let queueWorkersRegistered = MetricDescription(
        "core_api_queue_workers_registered", .gauge,
        "Workers or consumers of the queue that Redis knows.")

    // MARK: - Connections to Redis

    static let redisConnections = MetricDescription(
        RedisConnectionMetrics.connectionsLabel, .gauge,
        "Connections to Redis that are kept, be it there or not.")
    static let redisConnectionsReady = MetricDescription(
        RedisConnectionMetrics.readyLabel, .gauge, "Those of them that can take commands now.")
    static let redisReconnects = MetricDescription(
        RedisConnectionMetrics.reconnectsLabel, .counter, "Connections to Redis that came back.")
    static let redisFailures = MetricDescription(
        RedisConnectionMetrics.failuresLabel, .counter,
        "Connections to Redis that broke or could not be made, by reason.")

    // MARK: - Loops and process

    static let turnDuration = MetricDescription(
        "core_api_loop_turn_duration_seconds", .histogram,
        "How long a turn of an event loop ran: as late is looked at what came meanwhile.")
    static let turnLongest = MetricDescription(
        "core_api_loop_turn_longest_seconds", .gauge,
        "The longest turn of any event loop in the last one to two minutes.")
    static let loops = MetricDescription("core_api_loops", .gauge, "Event loops: THREADS.")
    static let buildInfo = MetricDescription(
        "core_api_build_info", .gauge, "1, with the version that runs.")
    static let processCPU = MetricDescription(
        "process_cpu_seconds_total", .counter, "CPU time of the process, user and system.")
    static let processMemory = MetricDescription(
        "process_resident_memory_bytes", .gauge, "Memory of the process that is resident.")
    static let processVirtualMemory = MetricDescription(
        "process_virtual_memory_bytes", .gauge, "Address space of the process.")
    static let processOpenFiles = MetricDescription(
        "process_open_fds", .gauge, "Open file descriptors.")
    static let processOpenFilesMax = MetricDescription(
        "process_max_fds", .gauge, "How many file descriptors may be open.")
    static let processStart = MetricDescription(
        "process_start_time_seconds", .gauge, "When the process started, since 1970.")

    static let all = [
        requests, requestDuration, refusals, connectionsAccepted, connections, connectionsMax,
        inFlight, inFlightMax, enqueues, enqueueFailures, enqueueDuration, queueDepth, queueAge,
        queueWorkers, queueWorkersRegistered, redisConnections,
        redisConnectionsReady, redisReconnects, redisFailures, turnDuration, turnLongest, loops,
        buildInfo, processCPU, processMemory, processVirtualMemory, processOpenFiles,
        processOpenFilesMax, processStart,
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The family of a metric; nil if it is not in the list, and then it is not exposed.
    static func description(_ name: String, _ kind: MetricDescription.Kind) -> MetricDescription? {
        byName[name].flatMap { $0.kind == kind ? $0 : nil }
    }
}
