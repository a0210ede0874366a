/// The division of the process's limit of open files: a reserve for the server's own descriptors,
/// the rest for callers' connections. The reserve keeps Redis reachable at the connection limit.
struct OpenFiles {
    /// The soft limit `RLIMIT_NOFILE` of the process.
    let limit: Int
    let threads: Int
    /// Whether `METRICS_PORT` opens a second listener.
    var hasMetricsPort = false
    /// Whether the operators' console has a loop and connections of its own.
    var hasConsole = false

    /// Descriptors reserved for the process: the standard streams, inherited descriptors, and with
    /// sentinels the loop and the two connections that find the master.
    static let reservedForProcess = 16
    /// Descriptors reserved for each loop: epoll, eventfd, listener, two connections to Redis,
    /// sockets and files of the name resolver, one accepted connection that is closed at once.
    static let reservedForLoop = 10
    /// Default limit of callers' connections, if files and memory suffice for it.
    static let connectionsDefaultMax = 65_536
    /// Limit of connections at `METRICS_PORT`, for scrapers and probes. Callers' connections do not
    /// count towards it. Wrong passwords of the console hold 24 at most (`SignIn`); of the others,
    /// the one that has waited for its caller the longest makes room for a new one.
    static let metricsConnectionsMax = 32
    static let metricsRefusedMax = 2
    /// Maximum to which the soft limit is raised: the default of the kernel's `fs.nr_open`.
    static let limitMax = 1_048_576

    /// Descriptors reserved for `METRICS_PORT`: the listener, one connection that is closed at
    /// once, and the connections, served or refused.
    private static let reservedForMetrics = 2 + metricsConnectionsMax + metricsRefusedMax

    /// Descriptors reserved for the console: epoll, eventfd, three connections to Redis, sockets
    /// and files of the name resolver, the file of the password.
    private static let reservedForConsole = 10

    /// Maximum number of connections beyond the limit that get a 503 at the same time.
    static func refusedMax(connectionsMax: Int) -> Int { min(max(1, connectionsMax / 8), 256) }

    /// The limit of open files that the given number of callers' connections needs.
    func needed(connectionsMax: Int) -> Int {
        reserved + connectionsMax + OpenFiles.refusedMax(connectionsMax: connectionsMax)
    }

    /// Maximum number of callers' connections within the limit; below 1 if the limit is too low.
    var connectionsMax: Int {
        let available = limit - reserved
        return available - OpenFiles.refusedMax(connectionsMax: available)
    }

    private var reserved: Int {
        OpenFiles.reservedForProcess + OpenFiles.reservedForLoop * threads
            + (hasMetricsPort ? OpenFiles.reservedForMetrics : 0)
            + (hasConsole ? OpenFiles.reservedForConsole : 0)
    }
}
