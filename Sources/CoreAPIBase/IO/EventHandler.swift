/// What an event loop calls: the owner of a socket, or of nothing but a deadline.
///
/// A handler belongs to one loop and is touched on its thread alone.
package protocol EventHandler: AnyObject {
    /// The socket has changed: what may be tried again.
    func ready(_ readiness: SocketReadiness)

    /// When `deadlineReached` is to be called; `.never` for not at all. Whoever brings it forward
    /// tells the loop by `EventLoop.bringForward`.
    var deadline: MonotonicTime { get }

    /// The deadline has passed. It is called again until the handler has set another.
    func deadlineReached(now: MonotonicTime)

    /// The turn of the loop ends, and the handler asked by `EventLoop.requestFlush` to be told:
    /// what was gathered during the turn can leave in one write.
    func flush()

    /// The turn has come that the handler asked for by `EventLoop.requestTurn`.
    func proceed()
}

extension EventHandler {
    package func ready(_ readiness: SocketReadiness) {
        preconditionFailure("this handler has registered no socket")
    }

    package func flush() {
        preconditionFailure("this handler has asked for no flush")
    }

    package func proceed() {
        preconditionFailure("this handler has asked for no turn")
    }
}

/// What a socket's change allows to try.
package struct SocketReadiness: OptionSet {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = SocketReadiness(rawValue: 1)
    package static let writable = SocketReadiness(rawValue: 2)
    /// The peer sends nothing more: after what has arrived, a read finds the end of the stream.
    package static let ended = SocketReadiness(rawValue: 4)
}
