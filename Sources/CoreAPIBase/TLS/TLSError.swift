/// Why a connection has no TLS, or has it no more.
@nonexhaustive public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server's certificate is not believed; with the reason of OpenSSL.
    case certificateInvalid(String)
    /// The server's certificate is for another name or address.
    case hostMismatch
    /// The server has answered by something else.
    case serverWithoutTLS
    /// The server has not answered the first message in time.
    case unanswered
    /// The server has ended the connection during the handshake.
    case ended
    /// The server refuses, by an alert (RFC 8446 §6): `certificate required`.
    case refused(String)
    /// Any other reason, as OpenSSL has it.
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
