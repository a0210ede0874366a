internal import CoreAPIKit
internal import TestKeys

/// The key of each algorithm.
enum SignatureKeys {
    static func pem(_ algorithm: TokenAlgorithm) -> String {
        switch algorithm {
        case .es256: TestKeys.p256
        case .es384: TestKeys.p384
        case .es512: TestKeys.p521
        case .ed25519, .edDSA: TestKeys.ed25519
        default: TestKeys.rsa
        }
    }

    /// libcrypto's name of the algorithm's hash; nil for Ed25519.
    static func hash(_ algorithm: TokenAlgorithm) -> String? {
        [.ed25519, .edDSA].contains(algorithm) ? nil : "SHA" + algorithm.rawValue.suffix(3)
    }
}
