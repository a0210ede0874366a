/// The object that an event loop calls: the owner of a socket, or of a deadline alone.
///
/// A handler belongs to one loop. Only the loop's thread calls it.
package protocol EventHandler: AnyObject {
    /// The socket's readiness has changed; `readiness` names the operations to try.
    func ready(_ readiness: SocketReadiness)

    /// When the loop calls `deadlineReached`; `.never` for no call. Code that sets an earlier
    /// deadline calls `EventLoop.bringForward`.
    var deadline: MonotonicTime { get }

    /// The deadline has passed. The loop calls this again until the handler sets a later deadline.
    func deadlineReached(now: MonotonicTime)

    /// The loop's turn ends, and the handler has called `EventLoop.requestFlush`. Output gathered
    /// during the turn can leave in one write.
    func flush()

    /// The turn begins that the handler requested by `EventLoop.requestTurn`.
    func proceed()
}

extension EventHandler {
    package func ready(_ readiness: SocketReadiness) {
        preconditionFailure("ready() called on a handler without a socket")
    }

    package func flush() {
        preconditionFailure("flush() called on a handler that never requests a flush")
    }

    package func proceed() {
        preconditionFailure("proceed() called on a handler that never requests a turn")
    }
}

extension [any EventHandler] {
    /// Removes all handlers. `removeAll` costs more for the single handler of most turns.
    mutating func empty() { while popLast() != nil {} }
}

/// The operations that a socket's readiness allows.
package struct SocketReadiness: OptionSet {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = SocketReadiness(rawValue: 1)
    package static let writable = SocketReadiness(rawValue: 2)
    /// The peer has ended its output: after the bytes that have arrived, a read returns the end of
    /// the stream.
    package static let ended = SocketReadiness(rawValue: 4)
}
