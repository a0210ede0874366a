internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging

/// A file of the issuer's public keys: a JWK Set (RFC 7517 §5).
struct KeySetFile: Sendable {
    let path: String
    /// The algorithms that are believed. A file without a key for any of them is invalid.
    let algorithms: Set<TokenAlgorithm>

    /// The contents of a file; equal if their bytes are.
    struct Contents: Equatable, Sendable {
        let bytes: [UInt8]
        let keySet: JSONWebKeySet

        static func == (left: Contents, right: Contents) -> Bool { left.bytes == right.bytes }
    }

    /// The key set that the file has now, with at least one usable key.
    func read() throws(KeySetFileError) -> Contents {
        let found: [UInt8]?
        do {
            // Read one byte more than the limit to detect a file that is too large.
            found = try Process.readFile(path, bytesMax: JSONWebKeySet.bytesMax + 1)
        } catch {
            throw .unreadable(error)
        }
        guard let bytes = found else { throw .notRegular }
        let keySet: JSONWebKeySet
        do { keySet = try JSONWebKeySet(parsing: bytes) } catch { throw .keySet(error) }
        guard keySet.canVerify(any: algorithms) else {
            throw .noUsableKey(keySet.unusedKeys.first)
        }
        return Contents(bytes: bytes, keySet: keySet)
    }

    /// Warns of keys of a set that is in use from now on and that verify no token, or not every
    /// one.
    func warn(of keySet: JSONWebKeySet, _ logger: Logger) {
        let source: Logger.Metadata = ["file": "\(path)"]
        if !keySet.unusedKeys.isEmpty {
            logger.warning(
                "the key set has keys that verify no token",
                metadata: keySet.logMetadata.merging(source) { $1 })
        }
        keySet.warnOfUntriedKeys(logger, source: source, algorithms)
    }
}

/// Why a file's key set cannot be used.
enum KeySetFileError: Error, Hashable, CustomStringConvertible {
    case unreadable(SystemError)
    /// The path names a folder, a pipe or a device, which cannot be read repeatedly.
    case notRegular
    case keySet(KeySetError)
    /// No key of the set can verify tokens with an algorithm that is believed. The key is the first
    /// one that can verify none at all.
    case noUsableKey(UnusedKey?)

    /// Whether the error may be transient: a file that is mounted or written a moment later.
    var mayPass: Bool {
        switch self {
        case .unreadable, .notRegular: true
        case .keySet, .noUsableKey: false
        }
    }

    var description: String {
        switch self {
        case .unreadable(let error): "it cannot be read (\(error))"
        case .notRegular: "it is not a regular file"
        case .keySet(let error): "\(error)"
        case .noUsableKey(nil): "it has no key for an accepted algorithm"
        case .noUsableKey(let key?):
            "it has no key that can verify tokens: of key \(key.index + 1), "
                + key.reason.rawValue
        }
    }
}
