internal import CoreAPIBase
internal import CoreAPIKit

/// The commands that read PEM files.
enum KeyCommands {
    /// Why a command with a PEM file fails.
    struct Failure: Error {
        /// The path of the file, or what the files make together.
        let subject: String
        let reason: String
        /// Whether waiting may help: a file that is mounted a moment later.
        let mayPass: Bool
    }

    /// The JWK Set of the files' public keys (RFC 7517 §5), one key on each line: a set of which a
    /// verifier uses every key.
    static func keySet(_ arguments: KeysArguments) throws(Failure) -> String {
        var keys: [String] = []
        var paths: [String: String] = [:]
        for file in arguments.files {
            let key = try key(file.path)
            let keyID = file.keyID ?? key.thumbprint
            if let other = paths.updateValue(file.path, forKey: keyID) {
                throw Failure(
                    subject: file.path,
                    reason: "the kid of its key, \(keyID), is that of the key of \(other): name "
                        + "each key once, each by a kid of its own", mayPass: false)
            }
            keys.append(key.webKey(keyID: keyID))
        }
        let text = "{\"keys\":[\n" + keys.joined(separator: ",\n") + "\n]}\n"
        try check(text, arguments)
        return text
    }

    /// Throws where a verifier would refuse the set or not use a key of it.
    private static func check(_ text: String, _ arguments: KeysArguments) throws(Failure) {
        let unused: [UnusedKey]
        do { unused = try JSONWebKeySet(parsing: text).unusedKeys } catch {
            throw Failure(subject: "the set of these keys", reason: "\(error)", mayPass: false)
        }
        guard let first = unused.first else { return }
        throw Failure(
            subject: arguments.files[first.index].path,
            reason: "its key verifies no token: \(first.reason.rawValue)", mayPass: false)
    }

    private static func key(_ path: String) throws(Failure) -> PEMKey {
        let bytes = try read(path)
        do { return try PEMKey(bytes) } catch {
            throw Failure(subject: path, reason: "\(error)", mayPass: false)
        }
    }

    /// An issuer that signs with the private key of a file.
    static func issuer(
        _ path: String, _ algorithm: TokenAlgorithm?, keyID: String?
    ) throws(Failure) -> TokenIssuer {
        let bytes = try read(path)
        do {
            return try TokenIssuer(privateKey: bytes, algorithm: algorithm, keyID: keyID)
        } catch {
            throw Failure(subject: path, reason: "\(error)", mayPass: false)
        }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let bytes: [UInt8]?
        do { bytes = try Process.readFile(path, bytesMax: PEMKey.bytesMax + 1) } catch {
            throw Failure(subject: path, reason: "it cannot be read (\(error))", mayPass: true)
        }
        guard let bytes else {
            throw Failure(subject: path, reason: "it is not a regular file", mayPass: true)
        }
        return bytes
    }
}
