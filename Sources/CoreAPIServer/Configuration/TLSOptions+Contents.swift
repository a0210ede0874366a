internal import CoreAPIBase

/// The files are read again to find out whether their certificates have changed.
extension TLSOptions {
    /// Authorities of the whole system are some 300 KiB.
    private static let fileBytesMax = 4 * 1024 * 1024

    /// The files that are named.
    var paths: [String] {
        [authorityFile, clientCertificate?.file, clientCertificate?.keyFile].compactMap { $0 }
    }

    /// The bytes of each file; nil of one that cannot be read, or that is too large. The calling
    /// thread blocks.
    func contents() -> [[UInt8]?] { paths.map(TLSOptions.bytes) }

    /// The bytes of a file, as `contents()` has them.
    static func bytes(_ path: String) -> [UInt8]? {
        guard let bytes = try? Process.readFile(path, bytesMax: fileBytesMax + 1),
            bytes.count <= fileBytesMax
        else { return nil }
        return bytes
    }
}
