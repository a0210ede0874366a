import CoreAPIBase
import CoreAPIHTTP
import CoreAPIKit
import Logging
import Testing

@testable import CoreAPIServer

/// One HTTP server on its own event loop, inside the test process. A test chooses its limits and
/// its queue.
final class LoopServer: Sendable {
    let loop: EventLoop
    let port: UInt16
    let count: ConnectionCount
    let buffers: BoundedCount
    private let server: HTTPServer
    private let drainState = DrainState()

    /// Runs the body with a server, and ends it in order.
    static func with(
        _ limits: HTTPLimits = HTTPLimits(),
        queue: any TransactionQueue = InMemoryTransactionQueue(), buffersBytesMax: Int = 1 << 26,
        inFlightMax: Int = TransactionEndpoint.inFlightDefaultMax,
        verifier: (any TokenVerifier)? = nil,
        _ body: (LoopServer) async throws -> Void
    ) async throws {
        let server = try LoopServer(limits, queue, buffersBytesMax, inFlightMax, verifier)
        do { try await body(server) } catch {
            await server.end()
            throw error
        }
        await server.end()
    }

    private init(
        _ limits: HTTPLimits, _ queue: any TransactionQueue, _ buffersBytesMax: Int,
        _ inFlightMax: Int, _ verifier: (any TokenVerifier)?
    ) throws {
        limits.check()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let verifier =
            try verifier ?? HMACTokenVerifier(secret: Array(APIServer.secret.utf8))
        let loop = try EventLoop()
        let count = ConnectionCount(servedMax: 1_000, refusedMax: 100)
        let buffers = BoundedCount(max: buffersBytesMax)
        let application = Application(
            loop: loop, site: .callers, limits: limits,
            transactions: TransactionEndpoint(
                checks: TransactionChecks(verifier: verifier),
                queue: TaskTransactionQueue(queue, loop), inFlightMax: inFlightMax),
            health: HealthEndpoint(monitor: nil), accessLog: AccessLog(logger, level: nil),
            drain: drainState, logger: logger)
        let server = HTTPServer(
            application, on: loop, limits: limits,
            memory: ConnectionMemory(
                loop: loop, buffers: buffers, trimming: BoundedCount(max: 1), loopCount: 1),
            count: count, logger: logger)
        let addresses = try SocketAddress.resolve(host: "127.0.0.1", port: 0, numericOnly: true)
        let socket = try Socket.listening(
            on: #require(addresses.first), sharesPort: false, backlog: 1_024)
        port = try socket.address().port
        try server.listen(socket)
        self.loop = loop
        self.count = count
        self.buffers = buffers
        self.server = server
        try Thread.start { loop.run() }
    }

    /// Begins to end, as a signal makes the server do.
    func drain() {
        drainState.begin()
        server.drain {}
    }

    private func end() async {
        await Suspension<Void>.value { done in
            server.drain { done.resume(returning: ()) }
        }
        loop.stop()
    }
}

/// Lets a loop enqueue to any queue, by a task.
private struct TaskTransactionQueue: CallbackTransactionQueue {
    private let queue: any TransactionQueue
    private let loop: EventLoop

    init(_ queue: any TransactionQueue, _ loop: EventLoop) {
        self.queue = queue
        self.loop = loop
    }

    func enqueue(
        _ transaction: Transaction, idempotencyKey: IdempotencyKey?
    ) async throws(QueueError) -> EnqueueOutcome {
        try await queue.enqueue(transaction, idempotencyKey: idempotencyKey)
    }

    func enqueue(_ pending: PendingTransaction) -> PendingTransaction.Outcome? {
        Task(executorPreference: loop) { [self] in
            do throws(QueueError) {
                let outcome = try await enqueue(
                    pending.transaction, idempotencyKey: pending.idempotencyKey)
                pending.resume(returning: .success(outcome))
            } catch {
                pending.resume(returning: .failure(error))
            }
        }
        return nil
    }
}
