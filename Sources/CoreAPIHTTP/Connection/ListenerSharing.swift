/// Who else accepts from a listening socket.
package enum ListenerSharing: Sendable {
    /// Nobody: the socket is one of several of a port, each with its own backlog.
    case none
    /// Other loops of this process.
    case loops
    /// Other processes, now or after this one has ended.
    case processes
}
