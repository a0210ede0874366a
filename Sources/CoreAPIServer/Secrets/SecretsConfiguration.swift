internal import CoreAPIKit

/// The configured secrets that the Auth API shares.
struct SecretsConfiguration: Equatable {
    /// The secrets, the newest first; empty if there are none and a key set is configured.
    let secrets: [[UInt8]]
    /// The file to reload the secrets from; nil if `JWT_SECRET` holds the secret.
    let file: SecretsFile?

    static let variable = "JWT_SECRET"
    static let fileVariable = "JWT_SECRET_FILE"

    /// Reads `JWT_SECRET`, whose whole value is one secret, or `JWT_SECRET_FILE`. No error shows a
    /// value: an operator who confuses the two variables sets the path to a secret.
    ///
    /// - Parameter isRequired: whether there must be a secret: false if a key set is configured.
    init(_ values: EnvironmentReader, isRequired: Bool = true) throws(ConfigurationError) {
        let secret = values.bytes(Self.variable)
        guard let path = try values.text(Self.fileVariable) else {
            guard let secret else {
                guard !isRequired else { throw Self.missing }
                (secrets, file) = ([], nil)
                return
            }
            do { try SecretRules.check(secret) } catch {
                throw ConfigurationError(
                    variable: Self.variable, value: nil,
                    expectation: "\(error): give the secret that is shared with the Auth API")
            }
            secrets = [secret]
            file = nil
            return
        }
        guard secret == nil else {
            throw ConfigurationError(
                variable: Self.fileVariable, value: nil,
                expectation: "\(Self.variable) is set too: give one of the two")
        }
        let file = SecretsFile(path: path)
        do { secrets = try file.read() } catch {
            throw ConfigurationError(
                variable: Self.fileVariable, value: nil,
                expectation: "\(error): give the path of a file that has one secret on each line, "
                    + "the newest first",
                mayPass: error.mayPass)
        }
        self.file = file
    }

    /// The error of an environment with neither a secret nor a key set.
    private static let missing = ConfigurationError(
        variable: variable, value: nil,
        expectation: "give the secret that is shared with the Auth API, or \(fileVariable), a file "
            + "that has it, or the issuer's public keys: \(KeySetConfiguration.fileVariable) or "
            + KeySetConfiguration.urlVariable,
        isMissing: true)

    /// Warnings about suspicious secrets, without a byte of them. A suspicious secret is used
    /// unchanged, since the Auth API signs with the same bytes.
    static func warnings(_ secrets: [[UInt8]], inFile: Bool) -> [String] {
        let bytesMin = HMACTokenVerifier.secretBytesRecommendedMin
        var warnings: [String] = []
        for (index, secret) in secrets.enumerated() {
            let name = inFile ? "secret \(index + 1) of \(fileVariable)" : variable
            if SecretsFile.keyBytes(of: secret) < bytesMin {
                warnings.append(
                    "\(name) can be guessed: use \(bytesMin) random bytes or more (RFC 7518 §3.2)")
            }
            if secret.starts(with: SecretsFile.byteOrderMark) {
                warnings.append(
                    "\(name) begins with a byte order mark, which is part of it: is that meant?")
            }
            if let last = secret.last, last <= UInt8(ascii: " ") {
                warnings.append("\(name) ends in white space, which is part of it: is that meant?")
            }
        }
        return warnings
    }
}
