internal import CoreAPIBase

/// A file (PEM) of the authorities that may vouch for the issuer's host.
struct AuthorityFile: Sendable {
    let path: String

    /// The contents of a file; equal if their bytes are.
    struct Contents: Equatable, Sendable {
        /// Nil of a file that was away or too large when its bytes were read.
        let bytes: [UInt8]?
        let tls: TLSContext

        static func == (left: Contents, right: Contents) -> Bool { left.bytes == right.bytes }
    }

    /// The certificates that the file has now.
    func read() throws(TLSOptionsError) -> Contents {
        try contents(of: CertificateFile.bytes(path))
    }

    /// A function that reads the file, and its certificates where its bytes have changed.
    ///
    /// - Parameter first: the contents in use.
    func reader(after first: Contents) -> () throws(TLSOptionsError) -> Contents {
        typealias Finding = Result<Contents, TLSOptionsError>
        var last: (bytes: [UInt8]?, finding: Finding)? = (first.bytes, .success(first))
        return { () throws(TLSOptionsError) in
            let bytes = CertificateFile.bytes(path)
            if let last, last.bytes == bytes { return try last.finding.get() }
            let finding = Finding { () throws(TLSOptionsError) in try contents(of: bytes) }
            // libcrypto reads the certificates by their path: they may have changed since.
            last = CertificateFile.bytes(path) == bytes ? (bytes, finding) : nil
            return try finding.get()
        }
    }

    private func contents(of bytes: [UInt8]?) throws(TLSOptionsError) -> Contents {
        Contents(bytes: bytes, tls: try TLSContext(TLSOptions(authorityFile: path)))
    }
}
