/// What TLS to Redis (`rediss://`) is done with besides the system's certificates: files in PEM,
/// which are read once.
///
/// The server's certificate and its name are always checked.
public struct TLSOptions: Hashable, Sendable {
    /// What this client shows to a server that asks for it.
    public struct ClientCertificate: Hashable, Sendable {
        /// The certificate, followed by those of its chain.
        public var file: String
        /// The private key, without a passphrase.
        public var keyFile: String

        /// The paths of both files, which are read when a queue is opened.
        public init(file: String, keyFile: String) {
            self.file = file
            self.keyFile = keyFile
        }
    }

    /// The certificates of the authorities that are trusted; nil for those of the system.
    public var authorityFile: String?
    /// What is shown to a server that asks for a certificate; nil for none.
    public var clientCertificate: ClientCertificate?

    /// Options; what is left out is as the system has it.
    public init(authorityFile: String? = nil, clientCertificate: ClientCertificate? = nil) {
        self.authorityFile = authorityFile
        self.clientCertificate = clientCertificate
    }
}

/// Why TLS cannot be had with these options.
@nonexhaustive public enum TLSOptionsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The authorities' certificates cannot be had of this file.
    case authorityFile(String, reason: String)
    /// The client's certificate cannot be had of this file.
    case certificateFile(String, reason: String)
    /// The client's key cannot be had of this file, or belongs to another certificate.
    case keyFile(String, reason: String)
    /// The URL does not begin with `rediss://`, so they would be of no use.
    case notUsed

    public var description: String {
        switch self {
        case .authorityFile(let path, let reason), .certificateFile(let path, let reason),
            .keyFile(let path, let reason):
            "\(path): \(reason)"
        case .notUsed: "the URL does not begin with rediss://"
        }
    }
}
