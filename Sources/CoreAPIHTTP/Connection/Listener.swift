internal import CoreAPIBase
internal import Logging

/// Accepts connections for one loop.
///
/// Sendable by discipline: it is used on its loop's thread alone.
final class Listener: EventHandler, @unchecked Sendable {
    private let socket: Socket
    private let loop: EventLoop
    private let logger: Logger
    private let accepted: (consuming Socket) -> Void
    private let isShared: Bool
    private(set) var deadline = MonotonicTime.never
    /// Whether the last try failed: an outage is logged once, not at each try.
    private var fails = false

    /// After an error such as a full table of file descriptors, so that the loop does not spin.
    private static let pauseMilliseconds = 100
    /// After so many the connections that there are have their turn.
    private static let acceptsInARowMax = 64
    /// As many as can have waited when the end began, whoever still tries to connect.
    private static let acceptsAtCloseMax = 4_096
    private var isClosed = false

    /// - Parameters:
    ///   - isShared: whether others accept from the socket too, now or after this process.
    ///   - accepted: takes each connection.
    init(
        _ socket: consuming Socket, isShared: Bool, on loop: EventLoop, logger: Logger,
        accepted: @escaping (consuming Socket) -> Void
    ) throws(SystemError) {
        self.socket = socket
        self.loop = loop
        self.logger = logger
        self.accepted = accepted
        self.isShared = isShared
        try loop.register(self, for: self.socket)
    }

    /// Takes what still waits to be accepted, and then listens no more. What waits at a shared
    /// socket is left to the others.
    func close() {
        if isShared {
            loop.unregister(shared: socket)
        } else {
            accept(atMost: Listener.acceptsAtCloseMax)
            loop.unregister(socket)
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

    /// Returns whether there may be more. After an error the deadline is when to try again.
    @discardableResult private func accept(atMost countMax: Int) -> Bool {
        do {
            var count = 0
            while count < countMax {
                guard let connection = try socket.accept() else { return false }
                accepted(connection)
                fails = false
                count += 1
            }
            return true
        } catch {
            if !fails {
                logger.error("no connection can be accepted", metadata: ["reason": "\(error)"])
            }
            fails = true
            deadline = loop.now.advanced(byMilliseconds: Listener.pauseMilliseconds)
            loop.bringForward(deadline)
            return false
        }
    }
}
