/// The reason why an outgoing connection is not open.
package enum OutgoingConnectionError: Error, Hashable, Sendable {
    /// The host name has no address. The text is the name and the resolver's reason.
    case hostNotFound(String)
    /// The connection to the last of the host's addresses failed.
    case connectFailed(SystemError)
    /// The TLS handshake failed, or the TLS session ended with an error.
    case tlsFailed(TLSError)
    /// The connection was not established before the deadline of the attempt.
    case timedOut
    /// The server ended its output in order: the end of the stream, over TLS with `close_notify`
    /// (RFC 8446 §6.1).
    case ended
    /// The connection broke, or a TLS session ended without `close_notify`.
    case connectionLost
}
