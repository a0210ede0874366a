internal import CoreAPIKit
internal import Logging

/// One loop with its listener, its connections and its endpoints. Nothing is shared with another
/// worker but the token verifier, which never changes.
///
/// Sendable by discipline: all but `init`, `run` and `drain` is called on the loop's thread.
final class Worker: @unchecked Sendable {
    let loop: EventLoop
    let limits: HTTPLimits

    private let transactions: TransactionEndpoint
    private let health: HealthEndpoint
    private let logger: Logger
    private var encoder = ResponseEncoder()
    private var listener: Listener?
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var drained: (@Sendable () -> Void)?

    init(
        loop: EventLoop, limits: HTTPLimits, transactions: TransactionEndpoint,
        health: HealthEndpoint, logger: Logger
    ) {
        self.loop = loop
        self.limits = limits
        self.transactions = transactions
        self.health = health
        self.logger = logger
    }

    /// Begins to accept; to be called before the loop runs.
    func listen(_ socket: consuming Socket) throws(SystemError) {
        listener = try Listener(socket, on: loop, logger: logger) { [unowned self] connection in
            begin(connection)
        }
    }

    /// Listens no more, lets what has begun finish, and then calls `drained`. From any thread.
    func drain(_ drained: @escaping @Sendable () -> Void) {
        loop.submit { [self] in
            self.drained = drained
            listener?.close()
            listener = nil
            for connection in connections.values { connection.drain() }
            tellIfDrained()
        }
    }

    // MARK: - Connections

    private func begin(_ socket: consuming Socket) {
        let channel: SocketChannel
        do { channel = try SocketChannel(socket, on: loop) } catch {
            logger.error("a connection cannot be watched", metadata: ["reason": "\(error)"])
            return
        }
        let connection = Connection(channel, worker: self)
        connections[ObjectIdentifier(connection)] = connection
        if drained != nil { connection.drain() }
        Task(executorPreference: loop) { [self] in
            await connection.serve()
            connections[ObjectIdentifier(connection)] = nil
            tellIfDrained()
        }
    }

    private func tellIfDrained() {
        guard connections.isEmpty, let drained else { return }
        self.drained = nil
        drained()
    }

    // MARK: - Requests

    /// What can be answered without the body.
    func refusal(_ head: RequestHead, _ bytes: Span<UInt8>) -> Response? {
        let route = Route(head, bytes)
        return route == .transaction ? transactions.refusal(head, bytes) : route.response
    }

    /// The answer to a request. What is needed of its bytes is taken before the first wait.
    func response(
        to head: RequestHead, _ input: [UInt8], _ body: ConnectionStateMachine.Body
    ) async -> Response {
        let route = Route(head, input.span)
        if let response = route.response { return response }
        if case .health(let probe) = route {
            return await health.response(
                probe, drains: drained != nil,
                acceptsHealthJSON: HealthEndpoint.acceptsHealthJSON(head, input.span))
        }
        if let refusal = transactions.refusal(head, input.span) { return refusal }
        do {
            return await transactions.enqueue(try check(head, input, body))
        } catch {
            return error.response
        }
    }

    private func check(
        _ head: RequestHead, _ input: [UInt8], _ body: ConnectionStateMachine.Body
    ) throws(Problem) -> CheckedTransaction {
        switch body {
        case .inPlace(let range):
            let bytes = input.span
            return try transactions.check(head, bytes, body: bytes.extracting(range))
        case .decoded(let decoded):
            return try transactions.check(head, input.span, body: decoded.span)
        }
    }

    func encode(
        _ response: Response, to output: inout [UInt8], omitsBody: Bool,
        _ persistence: ResponseEncoder.Persistence
    ) {
        encoder.append(
            response, to: &output, omitsBody: omitsBody, persistence, now: .now())
    }
}
