/// How the process's limit of open files is divided: a reserve for what the server itself opens,
/// the rest for callers' connections. Redis can then be reached, however many callers there are.
struct OpenFiles {
    /// The process's limit, as `RLIMIT_NOFILE` has it.
    let limit: Int
    let threads: Int
    /// Whether the metrics have a port of their own.
    var hasMetricsPort = false

    /// For what the process has besides its loops: the standard streams, and what it inherited.
    static let reservedForProcess = 16
    /// For each loop: epoll, eventfd, listener, two connections to Redis, the resolvers' sockets
    /// and files while Redis is looked up, a connection that was accepted and is closed at once.
    static let reservedForLoop = 10
    /// The bound on callers' connections where nobody gives one, and the memory holds so many.
    static let connectionsDefaultMax = 65_536
    /// Connections at the metrics' own port: a scraper or two, and probes. A caller takes none of
    /// these.
    static let metricsConnectionsMax = 16
    static let metricsRefusedMax = 2
    /// The soft limit is not raised above this: the kernel's own bound (`fs.nr_open`) is the same
    /// on most systems.
    static let limitMax = 1_048_576

    /// The listener, one that is closed at once, and the connections.
    private static let reservedForMetrics = 2 + metricsConnectionsMax + metricsRefusedMax

    /// How many connections beyond the bound may be told so at the same time.
    static func refusedMax(connectionsMax: Int) -> Int { min(max(1, connectionsMax / 8), 256) }

    /// The limit that so many connections of callers need.
    func needed(connectionsMax: Int) -> Int {
        reserved + connectionsMax + OpenFiles.refusedMax(connectionsMax: connectionsMax)
    }

    /// How many connections of callers the limit holds; less than 1 if it holds none.
    var connectionsMax: Int {
        let available = limit - reserved
        return available - OpenFiles.refusedMax(connectionsMax: available)
    }

    private var reserved: Int {
        OpenFiles.reservedForProcess + OpenFiles.reservedForLoop * threads
            + (hasMetricsPort ? OpenFiles.reservedForMetrics : 0)
    }
}
