/// Why the TLS handshake of a connection failed, or why its TLS session ended.
@nonexhaustive public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server's certificate is not trusted. The text is OpenSSL's reason.
    case certificateInvalid(String)
    /// The server's certificate names another host or address.
    case hostMismatch
    /// The server's first bytes are no TLS record.
    case serverWithoutTLS
    /// The server sent nothing before the deadline of the handshake.
    case unanswered
    /// The server closed the connection during the handshake.
    case ended
    /// The server sent an alert (RFC 8446 §6), such as `certificate required`.
    case refused(String)
    /// Any other error, as OpenSSL words it.
    case failed(String)

    public var description: String {
        switch self {
        case .certificateInvalid(let reason): "certificate verify failed: \(reason)"
        case .hostMismatch: "host name mismatch: the certificate is for another host"
        case .serverWithoutTLS: "the server does not speak TLS"
        case .unanswered: "no answer to the TLS handshake in time: does the server speak TLS?"
        case .ended: "the server ended the connection during the TLS handshake"
        case .refused(let reason): "the server refused: \(reason)"
        case .failed(let reason): "TLS failed: \(reason)"
        }
    }
}
