internal import CoreAPIBase
internal import CoreAPIHTTP

/// The server of `METRICS_PORT`, on the first loop. Its connection limit is separate, so that
/// callers cannot keep scrapers out; nor can idle connections, which make room for new ones.
struct Operators {
    let server: HTTPServer
    /// The file of its Unix socket, if the server has made it.
    let file: UnixSocketFile?
    let address: MetricsAddress

    /// Listens; nil if metrics are not served, or on the callers' port.
    ///
    /// - Parameter inherited: the descriptors of operators' inherited sockets.
    init?(
        _ configuration: Configuration, inherited: [Int32], _ console: Console?,
        beside callers: (server: HTTPServer, application: Application)
    ) throws(StartError) {
        guard let wanted = configuration.metrics, !wanted.isPublic else { return nil }
        let configured = ListeningAddress(prefix: "METRICS", host: wanted.host, port: wanted.port)
        var sockets = try ListeningSockets(configured, inherited: inherited, isForLoops: false)
        let other = callers.server
        server = HTTPServer(
            Application(
                beside: callers.application,
                site: console == nil ? .operators : [.operators, .console],
                console: console),
            on: other.loop, limits: other.limits, memory: other.memory,
            count: ConnectionCount(
                servedMax: OpenFiles.metricsConnectionsMax,
                refusedMax: OpenFiles.metricsRefusedMax),
            replacesIdle: true,
            logger: callers.application.logger)
        let port = try sockets.listen(server)
        file = sockets.file
        address = MetricsAddress(host: wanted.host, port: port, isPublic: false)
    }
}
