internal import CoreAPIBase

/// The TLS of a client to a server, and the files (PEM) of its certificates, if there are any.
struct CertificateFiles: Sendable {
    /// Certificates in use; equal if the bytes of their files are.
    struct Contents: Equatable, Sendable {
        /// Of each file; nil of one that was away or too large when its bytes were read.
        let bytes: [[UInt8]?]
        let tls: TLSContext

        static func == (left: Contents, right: Contents) -> Bool { left.bytes == right.bytes }
    }

    private let options: TLSOptions
    /// The certificates at the start.
    let first: Contents

    /// Reads the files. The calling thread blocks.
    init(_ options: TLSOptions) throws(TLSOptionsError) {
        self.options = options
        first = Contents(bytes: options.contents(), tls: try TLSContext(options))
    }

    /// The paths of the files, for the log; nil without files.
    var paths: String? { options.paths.isEmpty ? nil : options.paths.joined(separator: ", ") }

    /// A function that reads the files, and their certificates where the bytes have changed.
    func reader() -> () throws(TLSOptionsError) -> Contents {
        typealias Finding = Result<Contents, TLSOptionsError>
        var last: (bytes: [[UInt8]?], finding: Finding)? = (first.bytes, .success(first))
        return { () throws(TLSOptionsError) in
            let bytes = options.contents()
            if let last, last.bytes == bytes { return try last.finding.get() }
            let finding = Finding { () throws(TLSOptionsError) in
                Contents(bytes: bytes, tls: try TLSContext(options))
            }
            // libcrypto reads the certificates by their paths: they may have changed since.
            last = options.contents() == bytes ? (bytes, finding) : nil
            return try finding.get()
        }
    }
}
