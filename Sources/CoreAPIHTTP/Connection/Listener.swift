internal import CoreAPIBase
internal import Logging

/// Accepts connections for one loop.
///
/// Sendable by discipline: only the loop's thread uses it.
final class Listener: EventHandler, @unchecked Sendable {
    private let socket: Socket
    private let loop: EventLoop
    private let logger: Logger
    private let accepted: (consuming Socket) -> Void
    private let sharing: ListenerSharing
    private(set) var deadline = MonotonicTime.never
    /// Whether the last accept failed. An outage is logged once, not at each retry.
    private var isFailing = false

    /// The pause before a retry after an error such as EMFILE, so that the loop does not spin.
    private static let pauseMilliseconds = 100
    /// Accepts per call, so that existing connections get their turn.
    private static let acceptsInARowMax = 64
    /// Accepts when the drain begins. The limit bounds the work while peers keep connecting.
    private static let acceptsAtCloseMax = 4_096
    private var isClosed = false

    /// - Parameters:
    ///   - sharing: who else accepts from the socket.
    ///   - accepted: receives each accepted connection.
    init(
        _ socket: consuming Socket, _ sharing: ListenerSharing, on loop: EventLoop, logger: Logger,
        accepted: @escaping (consuming Socket) -> Void
    ) throws(SystemError) {
        self.socket = socket
        self.loop = loop
        self.logger = logger
        self.accepted = accepted
        self.sharing = sharing
        try loop.register(self, for: self.socket)
    }

    /// Accepts the connections in the backlog, then stops listening. The backlog of a socket that
    /// other processes share is left to them.
    func close() {
        switch sharing {
        case .none:
            accept(atMost: Listener.acceptsAtCloseMax)
            loop.unregister(socket)
        case .loops:
            accept(atMost: Listener.acceptsAtCloseMax)
            loop.unregister(shared: socket)
        case .processes: loop.unregister(shared: socket)
        }
        isClosed = true
        deadline = .never
    }

    func ready(_ readiness: SocketReadiness) { acceptSome() }

    func deadlineReached(now: MonotonicTime) {
        deadline = .never
        acceptSome()
    }

    private func acceptSome() {
        guard !isClosed, accept(atMost: Listener.acceptsInARowMax) else { return }
        loop.submit { [self] in acceptSome() }
    }

    /// Accepts up to `countMax` connections. True if the backlog may hold more. After an error the
    /// deadline is the time of the retry.
    @discardableResult private func accept(atMost countMax: Int) -> Bool {
        do {
            var count = 0
            while count < countMax {
                guard let connection = try socket.accept() else { return false }
                accepted(connection)
                isFailing = false
                count += 1
            }
            return true
        } catch {
            if !isFailing {
                logger.error("no connection can be accepted", metadata: ["reason": "\(error)"])
            }
            isFailing = true
            deadline = loop.now.advanced(byMilliseconds: Listener.pauseMilliseconds)
            loop.bringForward(deadline)
            return false
        }
    }
}
