/// Files (PEM) that replace or complete the system's certificates for TLS to Redis (`rediss://`).
/// Each file is read once, when a queue is opened.
///
/// The server's certificate and its name are always verified.
public struct TLSOptions: Hashable, Sendable {
    /// The certificate that this client presents when a server requests one.
    public struct ClientCertificate: Hashable, Sendable {
        /// The certificate, followed by the certificates of its chain.
        public var file: String
        /// The private key, without a passphrase.
        public var keyFile: String

        /// Creates a client certificate from two paths; opening a queue reads the files.
        public init(file: String, keyFile: String) {
            self.file = file
            self.keyFile = keyFile
        }
    }

    /// The certificates of the trusted authorities; nil for the system's.
    public var authorityFile: String?
    /// The client certificate; nil if this client has no certificate.
    public var clientCertificate: ClientCertificate?

    /// Creates options. A parameter that is left out keeps the system's default.
    public init(authorityFile: String? = nil, clientCertificate: ClientCertificate? = nil) {
        self.authorityFile = authorityFile
        self.clientCertificate = clientCertificate
    }
}

/// Why these TLS options cannot be used.
@nonexhaustive public enum TLSOptionsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file of the authorities' certificates cannot be read or parsed.
    case authorityFile(String, reason: String)
    /// The file of the client's certificate cannot be read or parsed.
    case certificateFile(String, reason: String)
    /// The file of the client's key cannot be read or parsed, or the key belongs to another
    /// certificate.
    case keyFile(String, reason: String)
    /// The URL does not ask for TLS (`rediss://`), so the options have no effect.
    case notUsed

    public var description: String {
        switch self {
        case .authorityFile(let path, let reason), .certificateFile(let path, let reason),
            .keyFile(let path, let reason):
            "\(path): \(reason)"
        case .notUsed:
            "the URL does not begin with rediss://, rediss-sentinel:// or rediss-cluster://"
        }
    }
}
