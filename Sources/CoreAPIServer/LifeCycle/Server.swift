internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import CoreAPIRedis
internal import CoreMetrics
internal import Logging
internal import Synchronization

/// The assembled server: one event loop, HTTP server and Redis connection for each thread.
struct Server {
    /// What the callers' servers listen on: `inherited` for inherited sockets.
    private let host: String
    /// The port that the callers' servers listen on; 0 for a Unix socket.
    private let port: UInt16
    /// The file of the callers' Unix socket, if the server has made it.
    private let socketFile: UnixSocketFile?

    /// The HTTP server and the application of each loop.
    private let callers: [(server: HTTPServer, application: Application)]
    /// The server of `METRICS_PORT`; nil if it is not set or is the callers' port.
    private let operators: Operators?
    /// The operators' web page; nil without it.
    private let console: Console?
    private let drainState = DrainState()
    private let exporter: SpanExporter?
    private let keys: TokenKeys
    /// The files that are read again while the server runs.
    private let files: [any WatchedContents]
    private let logger: Logger

    /// Builds the parts and listens. `run` starts the loops.
    ///
    /// - Parameter inherited: the sockets that the process inherited.
    init(
        _ configuration: Configuration, inherited: InheritedSockets, logger: Logger
    ) throws(StartError) {
        let limits = Server.checkedLimits()
        let refusals = QueueRefusals()
        let keys = try TokenKeys(configuration, logger: logger)
        let verifier = try keys.verifier()
        let configured = configuration.listeningAddress
        var sockets = try ListeningSockets(
            configured, inherited: inherited.callers, isForLoops: true)
        var port: UInt16 = 0
        let count = ConnectionCount(
            servedMax: configuration.connectionsMax,
            refusedMax: OpenFiles.refusedMax(connectionsMax: configuration.connectionsMax))
        let buffers = BoundedCount(max: configuration.buffersBytesMax)
        let trimming = BoundedCount(max: 1)
        let registry = Server.registry(configuration, count, keys)
        let memory = Server.memory(configuration, registry)
        exporter = try Server.exporter(configuration, registry, logger)
        let console = try Server.console(configuration, registry, refusals, logger)
        var callers: [(server: HTTPServer, application: Application)] = []
        var connections: [RedisRenewal.Connections] = []
        for index in 0..<configuration.threads {
            do {
                let recorder = registry?.loops[index]
                let loop = try EventLoop(turnEnded: recorder?.turns.record)
                let backend = Server.backend(
                    configuration, memory, refusals, loop, index,
                    Server.factory(registry, index), logger)
                if let redis = backend.redis { connections.append(redis) }
                let checks = TransactionChecks(verifier: verifier)
                let application = Application(
                    loop: loop, site: Server.callersSite(configuration), limits: limits,
                    transactions: backend.endpoint(checks, configuration),
                    health: HealthEndpoint(
                        monitor: backend.monitor, keys: keys, thresholds: configuration.health),
                    metrics: registry.map {
                        HTTPMetrics(
                            $0, $0.loops[index].shard, backend.monitor,
                            recent: console?.recent(ofLoop: index))
                    },
                    tracer: Server.tracer(configuration, exporter),
                    console: configuration.metrics?.isPublic == true ? console : nil,
                    accessLog: AccessLog(logger, level: configuration.accessLogLevel),
                    drain: drainState, logger: logger)
                let server = HTTPServer(
                    application, on: loop, limits: limits,
                    memory: ConnectionMemory(
                        loop: loop, buffers: buffers, trimming: trimming,
                        loopCount: configuration.threads),
                    count: count, logger: logger)
                callers.append((server, application))
            } catch {
                throw .system(error, "\(configured)")
            }
            port = try sockets.listen(callers[index].server)
        }
        self.callers = callers
        operators = try Operators(
            configuration, inherited: inherited.operators, console, beside: callers[0])
        self.console = console
        self.keys = keys
        files = Server.watchedFiles(
            configuration, keys, connections, console, exporter, logger)
        socketFile = sockets.file
        host = inherited.callers.isEmpty ? configuration.host : "inherited"
        self.logger = logger
        self.port = port
    }

    private static func checkedLimits() -> HTTPLimits {
        let limits = HTTPLimits()
        limits.check()
        precondition(
            TransactionEndpoint.inFlightDefaultMax < ProducerLimits().pendingMax,
            "Server.init: the bound of transactions in flight is not below that of Redis")
        return limits
    }

    /// Runs until SIGTERM or SIGINT, then drains: requests in flight finish.
    ///
    /// - Parameter watchdogMilliseconds: how often the service manager is told that all loops turn;
    ///   nil if it is not told.
    func run(watchdogMilliseconds: Int?) throws(StartError) {
        for (server, _) in callers {
            do { try Thread.start(named: "core-api-loop") { server.loop.run() } } catch {
                throw .system(error, "a thread for each event loop")
            }
        }
        if let watchdogMilliseconds { startWatchdog(watchdogMilliseconds) }
        do { try console?.start() } catch { throw .system(error, "a thread for the console") }
        logger.info("listening", metadata: Server.metadata(host, port))
        if let address = operators?.address {
            logger.info(
                "listening for scrapes of metrics",
                metadata: Server.metadata(address.host, address.port))
        }
        keys.publish { [applications = callers.map(\.application)] verifier in
            for application in applications { application.use(verifier) }
        }
        notifyServiceManager(.ready)
        let watch = FilesWatch(logger: logger, files: files, renew: keys.refresh)
        watch.waitForEnd()
        drain()
        exporter?.finish(
            before: .now().advanced(byMilliseconds: Server.exportTimeoutMilliseconds))
        operators?.file?.remove()
    }

    /// Where a server listens. A Unix socket has no port.
    private static func metadata(_ host: String, _ port: UInt16) -> Logger.Metadata {
        port == 0 ? ["host": "\(host)"] : ["host": "\(host)", "port": "\(port)"]
    }

    private func startWatchdog(_ milliseconds: Int) {
        let logger = logger
        let loops = callers.map(\.server.loop)
        WatchdogTimer(loops, intervalMilliseconds: milliseconds) {
            if !ServiceManager.notify(.watchdog) {
                logger.warning("the service manager cannot be notified: WATCHDOG=1")
            }
        }.start()
    }

    private func notifyServiceManager(_ state: ServiceManager.State) {
        if !ServiceManager.notify(state) {
            logger.warning(
                "the service manager cannot be notified", metadata: ["state": "\(state.rawValue)"])
        }
    }

    private func drain() {
        logger.info("draining: requests in flight finish")
        notifyServiceManager(.stopping)
        let deadline = MonotonicTime.now().advanced(
            byMilliseconds: Configuration.drainTimeoutMilliseconds)
        let remaining = Remaining(callers.count)
        // The metrics port answers scrapes and probes until the process ends.
        drainState.begin()
        socketFile?.remove()
        for (server, _) in callers { server.drain { remaining.countDown() } }
        while !remaining.isEmpty, MonotonicTime.now() < deadline {
            // SIGHUP is ignored while the server drains.
            if Process.waitForNotice(before: .now().advanced(byMilliseconds: 10)) == .end {
                logger.warning("ended without a complete drain: a second signal")
                return
            }
        }
        if remaining.isEmpty {
            logger.info("ended")
        } else {
            logger.warning("ended with requests in flight: the drain timed out")
        }
    }

    // MARK: - Traces

    /// How long the process waits at its end for the export of spans.
    private static let exportTimeoutMilliseconds = 3_000

    private static func exporter(
        _ configuration: Configuration, _ registry: MetricsRegistry?, _ logger: Logger
    ) throws(StartError) -> SpanExporter? {
        guard let tracing = configuration.tracing else { return nil }
        do {
            return try SpanExporter(
                tracing, destination: configuration.queue.destination,
                metrics: registry?.loops.first?.shard, logger: logger)
        } catch {
            throw .system(error, "the thread that exports spans")
        }
    }

    private static func tracer(
        _ configuration: Configuration, _ exporter: SpanExporter?
    ) -> RequestTracer? {
        guard let tracing = configuration.tracing, let exporter else { return nil }
        return RequestTracer(tracing.sampler) { exporter.record($0) }
    }

    // MARK: - Parts

    /// The queue that all loops share; nil if transactions go to Redis.
    private static func memory(
        _ configuration: Configuration, _ registry: MetricsRegistry?
    ) -> InMemoryTransactionQueue? {
        guard configuration.queue == .memory else { return nil }
        return InMemoryTransactionQueue(
            validCapacity: Configuration.memoryQueueCapacity,
            statusSeconds: configuration.statusSeconds, rateLimit: configuration.rateLimit,
            metrics: factory(registry, 0))
    }

    /// The queue of a loop, and what asks it and Redis.
    private struct Backend {
        let queue: any CallbackTransactionQueue
        /// Nil without Redis.
        var monitor: RedisMonitor?
        /// Nil if no status is kept.
        var statuses: (any TransactionStatusStore)?
        /// Nil without Redis.
        var redis: RedisRenewal.Connections?

        func endpoint(
            _ checks: TransactionChecks, _ configuration: Configuration
        ) -> TransactionEndpoint {
            TransactionEndpoint(
                checks: checks, queue: queue, statuses: statuses,
                rateLimit: configuration.rateLimit.map { RateLimitFields($0) })
        }
    }

    private static func backend(
        _ configuration: Configuration, _ memory: InMemoryTransactionQueue?,
        _ refusals: QueueRefusals, _ loop: EventLoop, _ index: Int,
        _ metrics: any MetricsFactory, _ logger: Logger
    ) -> Backend {
        let keepsStatus = configuration.statusSeconds > 0
        if let memory {
            return Backend(queue: memory, statuses: keepsStatus ? memory : nil)
        }
        var settings = RedisQueue.Settings(url: configuration.redis.url, logger: logger)
        settings.refusals = refusals
        settings.producer = configuration.producer
        settings.producer.name = RedisClientName(role: "\(index)")
        settings.producer.metrics = metrics
        settings.features = configuration.features
        let queue: any CallbackTransactionQueue
        let producer: ProducerConnection
        let kind: QueueProbe.Kind
        switch configuration.queue {
        case .memory: preconditionFailure("backend() of QUEUE=memory without its queue")
        case .rq(let name, let options):
            let jobs = RQTransactionQueue(name: name, options, on: loop, settings)
            let keys = RQKeys(name: name, prefix: options.keyPrefix)
            (queue, producer, kind) = (jobs, jobs.redis.connection, .rq(keys))
        case .stream(let partitions):
            let entries = StreamTransactionQueue(partitions, on: loop, settings)
            (queue, producer, kind) = (entries, entries.redis.connection, .stream(partitions))
        }
        let monitor = RedisMonitor(
            producer: producer, refusals: refusals,
            queue: RedisMonitor.probe(
                kind, configuration.target, on: loop, named: "\(index)"),
            barrier: configuration.durability, loop: loop)
        var backend = Backend(queue: queue, monitor: monitor)
        var statuses: RedisTransactionStatusStore?
        if keepsStatus {
            statuses = RedisTransactionStatusStore(
                kind, url: configuration.redis.url, on: loop, tls: configuration.redis.tls,
                logger: logger)
        }
        backend.statuses = statuses
        backend.redis = RedisRenewal.Connections(
            loop: loop, producer: producer,
            renewOthers: { [statuses] target in
                monitor.renew(target)
                statuses?.renew(target)
            },
            trial: RedisMonitor.options(kind, role: "trial", tls: configuration.redis.tls))
        return backend
    }

    // MARK: - Metrics

    private static func registry(
        _ configuration: Configuration, _ count: ConnectionCount, _ keys: TokenKeys
    ) -> MetricsRegistry? {
        guard configuration.metrics != nil else { return nil }
        return MetricsRegistry(
            loops: configuration.threads, queue: configuration.queue.name, connections: count,
            inFlightMax: TransactionEndpoint.inFlightDefaultMax, keys: keys)
    }

    /// The metrics backend of a loop's queue and connection.
    private static func factory(
        _ registry: MetricsRegistry?, _ index: Int
    ) -> any MetricsFactory {
        registry.map { $0.loops[index].shard } ?? NOOPMetricsHandler.instance
    }
}

/// Why a server cannot start.
enum StartError: Error {
    case secret(SecretError)
    /// The key set cannot be fetched for a reason of this machine.
    case keySet(KeySetSourceError)
    /// The host to listen on has no address. The text names the variable and the resolver's reason.
    case host(String)
    /// An inherited descriptor is not a listening socket.
    case inheritedSocket
    /// A system call failed. The text names the resource that it should have created.
    case system(SystemError, String)

    /// Whether the error is permanent until the configuration changes. A host name without an
    /// address and a port in use are transient.
    var isOfConfiguration: Bool {
        switch self {
        case .secret, .inheritedSocket: true
        case .keySet, .host, .system: false
        }
    }
}

/// A countdown to zero, safe to use on any thread.
private final class Remaining: Sendable {
    private let count: Atomic<Int>

    init(_ count: Int) { self.count = Atomic(count) }

    var isEmpty: Bool { count.load(ordering: .acquiring) == 0 }

    func countDown() { count.subtract(1, ordering: .acquiringAndReleasing) }
}
