package import CoreAPIBase
package import Logging

/// The listeners of one loop and their connections.
///
/// Sendable by discipline: the loop's thread calls it, except for `init`, `listen` and `drain`.
package final class HTTPServer: @unchecked Sendable {
    package let loop: EventLoop
    package let limits: HTTPLimits
    /// The memory of the loop's connections, which all servers of the loop share.
    package let memory: ConnectionMemory

    package let application: any HTTPApplication
    private let count: ConnectionCount
    /// Whether, at the limit, a connection that waits for its caller makes room for a new one.
    private let replacesIdle: Bool
    private let logger: Logger
    private var requestNumber = RequestNumber()
    private let encoder = ResponseEncoder()
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// The callback of `drain`; nil before it is called and after the last connection has ended.
    private var drained: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - count: the connection count of all servers of the port.
    ///   - replacesIdle: whether, at the limit, the connection that has waited for its caller the
    ///     longest is closed in favour of a new one: for a port with one server.
    package init(
        _ application: any HTTPApplication, on loop: EventLoop, limits: HTTPLimits,
        memory: ConnectionMemory, count: ConnectionCount, replacesIdle: Bool = false,
        logger: Logger
    ) {
        self.application = application
        self.loop = loop
        self.limits = limits
        self.memory = memory
        self.count = count
        self.replacesIdle = replacesIdle
        self.logger = logger
    }

    /// Starts to accept from a socket, of which there may be several. Must be called before the
    /// loop runs.
    ///
    /// - Parameter sharing: who else accepts from the socket.
    package func listen(
        _ socket: consuming Socket, _ sharing: ListenerSharing = .none
    ) throws(SystemError) {
        let listener = try Listener(socket, sharing, on: loop, logger: logger) {
            [unowned self] connection in begin(connection)
        }
        listeners.append(listener)
    }

    /// Stops listening, drains the connections, and calls `drained` after the last one has ended.
    /// Any thread may call this.
    package func drain(_ drained: @escaping @Sendable () -> Void) {
        loop.submit { [self] in
            self.drained = drained
            for listener in listeners { listener.close() }
            listeners = []
            for connection in connections.values { connection.drain() }
            endDrain()
        }
    }

    private func endDrain() {
        guard connections.isEmpty, let drained else { return }
        self.drained = nil
        drained()
    }

    // MARK: - Connections

    private func begin(_ socket: consuming Socket) {
        if replacesIdle, count.servedNow >= count.servedMax { endLongestWait() }
        let admission = count.admit()
        application.admitted(admission)
        if admission != .served { application.overloaded("connections", max: count.servedMax) }
        if admission == .dropped { return }
        do {
            let connection = try Connection(socket, server: self, admission)
            connections[ObjectIdentifier(connection)] = connection
            memory.connectionBegan()
            if drained != nil { connection.drain() }
        } catch {
            logger.error("a connection cannot be registered", metadata: ["reason": "\(error)"])
            count.ended(admission)
        }
    }

    /// Closes the served connection that has waited for its caller the longest, if one waits.
    private func endLongestWait() {
        let waiting = connections.values.compactMap { connection in
            connection.waitsSince.map { (since: $0, connection: connection) }
        }
        waiting.min { $0.since < $1.since }?.connection.end()
    }

    package func ended(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        memory.connectionEnded()
        count.ended(connection.admission)
        endDrain()
    }

    // MARK: - Answers

    /// The ID of a request: the caller's, or a generated one.
    func id(given: Range<Int>?) -> RequestID {
        given.map { .given($0) } ?? .made(requestNumber.next())
    }

    func encode(
        _ response: Response, _ id: RequestID, _ input: Span<UInt8>, to output: inout [UInt8],
        omitsBody: Bool, _ persistence: ResponseEncoder.Persistence
    ) {
        encoder.append(
            response, id, input, to: &output, omitsBody: omitsBody, persistence, now: .now())
    }
}
