/// The reason why an outgoing connection is not open.
package enum OutgoingConnectionError: Error, Hashable, Sendable {
    /// The host's name has no address; with the name and the resolver's reason.
    case hostNotFound(String)
    /// The last of the host's addresses could not be connected to.
    case connectFailed(SystemError)
    /// There is no TLS with the server.
    case tlsFailed(TLSError)
    /// The connection was not established in time.
    case timedOut
    /// The connection broke, or the server ended it.
    case connectionLost
}
