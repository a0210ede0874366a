package import CoreAPIBase
package import Logging

/// The listener of one loop and its connections.
///
/// Sendable by discipline: all but `init`, `listen` and `drain` is called on the loop's thread.
package final class HTTPServer: @unchecked Sendable {
    package let loop: EventLoop
    package let limits: HTTPLimits
    /// The buffers of the loop's connections, of all its servers.
    package let memory: ConnectionMemory

    package let application: any HTTPApplication
    private let count: ConnectionCount
    private let logger: Logger
    private var requestNumber = RequestNumber()
    private let encoder = ResponseEncoder()
    private var listener: Listener?
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var drained: (@Sendable () -> Void)?

    /// - Parameter count: of the connections of all servers of a port.
    package init(
        _ application: any HTTPApplication, on loop: EventLoop, limits: HTTPLimits,
        memory: ConnectionMemory, count: ConnectionCount, logger: Logger
    ) {
        self.application = application
        self.loop = loop
        self.limits = limits
        self.memory = memory
        self.count = count
        self.logger = logger
    }

    /// Begins to accept; called before the loop runs.
    ///
    /// - Parameter isShared: whether others accept from the socket too.
    package func listen(_ socket: consuming Socket, isShared: Bool = false) throws(SystemError) {
        listener = try Listener(socket, isShared: isShared, on: loop, logger: logger) {
            [unowned self] connection in begin(connection)
        }
    }

    /// Listens no more, lets the requests that have begun finish, and then calls `drained`. From
    /// any thread.
    package func drain(_ drained: @escaping @Sendable () -> Void) {
        loop.submit { [self] in
            self.drained = drained
            listener?.close()
            listener = nil
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
            logger.error("a connection cannot be watched", metadata: ["reason": "\(error)"])
            count.ended(admission)
        }
    }

    package func ended(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        memory.connectionEnded()
        count.ended(connection.admission)
        endDrain()
    }

    // MARK: - Answers

    /// The request's id: the caller's, or one of our own.
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
