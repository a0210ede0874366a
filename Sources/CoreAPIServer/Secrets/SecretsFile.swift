internal import CoreAPIBase
internal import CoreAPIKit

/// A file with the secrets that are shared with the Auth API: one on each line, the newest first.
///
///     <newest secret> LF
///     <older secret>  LF
///
/// A secret is all bytes of its line, so none can hold a line feed; the last line need not end with
/// one. Empty lines are passed over. Nothing is a comment.
struct SecretsFile: Equatable, Sendable {
    let path: String

    static let bytesMax = 64 * 1024

    private static let lineFeed: UInt8 = 0x0A

    /// The secrets that the file has now: 1 to `HMACTokenVerifier.secretsMax`.
    func read() throws(SecretsFileError) -> [[UInt8]] {
        let bytes: [UInt8]?
        do {
            // One byte more than there may be tells that there is too much.
            bytes = try Process.readFile(path, bytesMax: SecretsFile.bytesMax + 1)
        } catch {
            throw .unreadable(error)
        }
        guard let bytes else { throw .notRegular }
        return try SecretsFile.parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) throws(SecretsFileError) -> [[UInt8]] {
        guard bytes.count <= bytesMax else { throw .tooLarge }
        let secrets = bytes.split(separator: lineFeed).map(Array.init)
        guard !secrets.isEmpty else { throw .noSecret }
        guard secrets.count <= HMACTokenVerifier.secretsMax else { throw .tooMany(secrets.count) }
        return secrets
    }
}

/// Why a file's secrets cannot be used. No description shows a byte of it.
enum SecretsFileError: Error, Hashable, CustomStringConvertible {
    case unreadable(SystemError)
    /// A folder, a pipe or a device, which cannot be read again and again.
    case notRegular
    case tooLarge
    case noSecret
    case tooMany(Int)

    var description: String {
        switch self {
        case .unreadable(let error): "it cannot be read (\(error))"
        case .notRegular: "it is not a regular file"
        case .tooLarge: "it has more than \(SecretsFile.bytesMax) bytes"
        case .noSecret: "it has no secret, only empty lines or nothing"
        case .tooMany(let count):
            "it has \(count) secrets, more than \(HMACTokenVerifier.secretsMax)"
        }
    }
}
