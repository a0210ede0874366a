internal import CoreAPIBase

/// A file that is read again to find out whether its certificates have changed.
enum CertificateFile {
    /// Authorities of the whole system are some 300 KiB.
    private static let bytesMax = 4 * 1024 * 1024

    /// The bytes; nil of a file that cannot be read, or that is too large. The calling thread
    /// blocks.
    static func bytes(_ path: String) -> [UInt8]? {
        guard let bytes = try? Process.readFile(path, bytesMax: bytesMax + 1),
            bytes.count <= bytesMax
        else { return nil }
        return bytes
    }
}
