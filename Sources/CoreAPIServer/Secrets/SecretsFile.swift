internal import CoreAPIBase
internal import CoreAPIKit

/// A file of the secrets that the Auth API shares: one on each line, the newest first.
///
///     # a comment     LF
///     <newest secret> LF
///     <older secret>  LF
///
/// Lines end with LF or CR LF; the last line need not end with one. A byte order mark before a line
/// is passed over, and so are lines of white space alone. A line whose first character besides
/// white space is `#` is a comment. A secret is all other bytes of its line; one that begins with
/// `#` is written `\#…`, one that begins with a backslash `\\…`.
///
/// One invalid or short secret makes the whole file invalid.
struct SecretsFile: Equatable, Sendable {
    let path: String

    static let bytesMax = 64 * 1024
    /// Minimum length of a secret in a file: a shorter line is a mistake or can be guessed. An
    /// existing installation may set a shorter secret in `JWT_SECRET`.
    static let secretBytesMin = 16

    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D
    private static let backslash = UInt8(ascii: "\\")
    private static let hash = UInt8(ascii: "#")
    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    /// The byte order marks of UTF-16 and UTF-32, in both byte orders.
    private static let otherByteOrderMarks: [[UInt8]] = [
        [0xFF, 0xFE], [0xFE, 0xFF], [0x00, 0x00, 0xFE, 0xFF],
    ]

    /// The secrets that the file has now: 1 to `HMACTokenVerifier.secretsMax`.
    func read() throws(SecretsFileError) -> [[UInt8]] {
        let bytes: [UInt8]?
        do {
            // Read one byte more than the limit to detect a file that is too large.
            bytes = try Process.readFile(path, bytesMax: SecretsFile.bytesMax + 1)
        } catch {
            throw .unreadable(error)
        }
        guard let bytes else { throw .notRegular }
        return try SecretsFile.parse(bytes)
    }

    /// The secrets of a file's bytes.
    static func parse(_ bytes: [UInt8]) throws(SecretsFileError) -> [[UInt8]] {
        guard bytes.count <= bytesMax else { throw .tooLarge }
        guard !otherByteOrderMarks.contains(where: bytes.starts(with:)) else { throw .encoding }
        let secrets = bytes.split(separator: lineFeed, omittingEmptySubsequences: false)
            .enumerated().compactMap { index, line in
                secret(of: line).map { (line: index + 1, bytes: $0) }
            }
        // Report a PEM key as such, even if an earlier line is too short.
        if let key = secrets.first(where: { SecretRules.hasKey($0.bytes) }) {
            throw .notSecret(line: key.line, .key)
        }
        for secret in secrets {
            do { try SecretRules.check(secret.bytes) } catch {
                throw .notSecret(line: secret.line, error)
            }
            guard keyBytes(of: secret.bytes) >= secretBytesMin else {
                throw .short(line: secret.line)
            }
        }
        guard !secrets.isEmpty else { throw .noSecret }
        guard secrets.count <= HMACTokenVerifier.secretsMax else { throw .tooMany(secrets.count) }
        return secrets.map(\.bytes)
    }

    /// The length of a secret without trailing zero bytes, which do not change an HMAC key.
    static func keyBytes(of secret: [UInt8]) -> Int {
        secret.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    }

    /// The secret of a line; nil for a comment or white space.
    private static func secret(of text: ArraySlice<UInt8>) -> [UInt8]? {
        var line = text
        if line.last == carriageReturn { line.removeLast() }
        while line.starts(with: byteOrderMark) { line.removeFirst(byteOrderMark.count) }
        // A line of zero bytes is not skipped as blank: `check` refuses it.
        if !line.contains(0), SecretRules.isBlank(line) { return nil }
        if line.first(where: { !isWhiteSpace($0) }) == hash { return nil }
        if line.first == backslash, let next = line.dropFirst().first,
            next == hash || next == backslash
        {
            line.removeFirst()
        }
        return Array(line)
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || 0x09...0x0D ~= byte
    }
}

/// Why a file's secrets cannot be used. No description shows a byte of the file.
enum SecretsFileError: Error, Hashable, CustomStringConvertible {
    case unreadable(SystemError)
    /// The path names a folder, a pipe or a device, which cannot be read repeatedly.
    case notRegular
    case tooLarge
    /// The file is in UTF-16 or UTF-32.
    case encoding
    case noSecret
    case tooMany(Int)
    /// The line, from 1, is not a valid secret.
    case notSecret(line: Int, SecretError)
    /// The line, from 1, has fewer bytes than `SecretsFile.secretBytesMin`.
    case short(line: Int)

    /// Whether the error may be transient: a file that is mounted or written a moment later.
    var mayPass: Bool {
        switch self {
        case .unreadable, .notRegular: true
        case .tooLarge, .encoding, .noSecret, .tooMany, .notSecret, .short: false
        }
    }

    var description: String {
        switch self {
        case .unreadable(let error): "it cannot be read (\(error))"
        case .notRegular: "it is not a regular file"
        case .tooLarge: "it has more than \(SecretsFile.bytesMax) bytes"
        case .encoding: "it is in UTF-16 or UTF-32: write it in UTF-8, or as plain bytes"
        case .noSecret: "it has no secret, only comments, white space or nothing"
        case .tooMany(let count):
            "it has \(count) secrets, more than \(HMACTokenVerifier.secretsMax)"
        case .notSecret(let line, let error): "line \(line) is no secret: \(error)"
        case .short(let line):
            "line \(line) has fewer than \(SecretsFile.secretBytesMin) bytes"
                + ", trailing zero bytes not counted: a secret has \(SecretsFile.secretBytesMin) "
                + "or more"
        }
    }
}
