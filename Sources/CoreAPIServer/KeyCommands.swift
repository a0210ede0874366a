internal import CoreAPIBase
internal import CoreAPIKit

/// The commands that read PEM files.
enum KeyCommands {
    /// Why a command with a PEM file fails.
    struct Failure: Error {
        let path: String
        let reason: String
        /// Whether waiting may help: a file that is mounted a moment later.
        let mayPass: Bool
    }

    /// The JWK Set of the files' public keys (RFC 7517 §5), one key on each line.
    static func keySet(_ arguments: KeysArguments) throws(Failure) -> String {
        var keys: [String] = []
        for file in arguments.files {
            let bytes = try read(file.path)
            do { keys.append(try PEMKey(bytes).webKey(keyID: file.keyID)) } catch {
                throw Failure(path: file.path, reason: "\(error)", mayPass: false)
            }
        }
        return "{\"keys\":[\n" + keys.joined(separator: ",\n") + "\n]}\n"
    }

    /// An issuer that signs with the private key of a file.
    static func issuer(
        _ path: String, _ algorithm: TokenAlgorithm?, keyID: String?
    ) throws(Failure) -> TokenIssuer {
        let bytes = try read(path)
        do {
            return try TokenIssuer(privateKey: bytes, algorithm: algorithm, keyID: keyID)
        } catch {
            throw Failure(path: path, reason: "\(error)", mayPass: false)
        }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let bytes: [UInt8]?
        do { bytes = try Process.readFile(path, bytesMax: PEMKey.bytesMax + 1) } catch {
            throw Failure(path: path, reason: "it cannot be read (\(error))", mayPass: true)
        }
        guard let bytes else {
            throw Failure(path: path, reason: "it is not a regular file", mayPass: true)
        }
        return bytes
    }
}
