internal import CoreAPIKit
internal import Logging

/// Accepts connections for one loop.
final class Listener: EventHandler {
    private let socket: Socket
    private let loop: EventLoop
    private let logger: Logger
    private let accepted: (consuming Socket) -> Void
    private(set) var deadline = MonotonicTime.never
    /// Whether the last try failed: an outage is logged once, not at each try.
    private var fails = false

    /// After an error such as a full table of file descriptors, so that the loop does not spin.
    private static let pauseMilliseconds = 100

    /// - Parameter accepted: takes each connection.
    init(
        _ socket: consuming Socket, on loop: EventLoop, logger: Logger,
        accepted: @escaping (consuming Socket) -> Void
    ) throws(SystemError) {
        self.socket = socket
        self.loop = loop
        self.logger = logger
        self.accepted = accepted
        try loop.register(self, for: self.socket)
    }

    /// Takes what still waits to be accepted, and then listens no more.
    func close() {
        acceptAll()
        loop.unregister(socket)
        deadline = .never
    }

    func ready(_ readiness: SocketReadiness) { acceptAll() }

    func deadlineReached(now: MonotonicTime) {
        deadline = .never
        acceptAll()
    }

    private func acceptAll() {
        do {
            while let connection = try socket.accept() {
                accepted(connection)
                fails = false
            }
        } catch {
            if !fails {
                logger.error("no connection can be accepted", metadata: ["reason": "\(error)"])
            }
            fails = true
            deadline = loop.now.advanced(byMilliseconds: Listener.pauseMilliseconds)
            loop.bringForward(deadline)
        }
    }
}
