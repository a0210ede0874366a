/// Why a key in PEM cannot be used. No case holds a byte of it.
@nonexhaustive public enum PEMKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes have no key in PEM (RFC 7468): PKCS #8, PKCS #1, SEC 1 or SubjectPublicKeyInfo.
    case notKey
    /// The bytes have more than one key: a choice of one of them would lose the others.
    case severalKeys
    /// The bytes have certificates, and no key.
    case certificate
    /// The key is protected by a passphrase.
    case encrypted
    /// The key is public, and a private one is needed.
    case notPrivate
    /// The key is of another type than RSA, EC of P-256, P-384 or P-521, and Ed25519.
    case type
    /// A verifier would not use the key.
    case unusable(UnusedKey.Reason)
    /// The algorithm is not one of the key's type.
    case algorithm

    public var description: String {
        switch self {
        case .notKey: "it has no key in PEM that can be read"
        case .severalKeys: "it has more than one key: give each a file of its own"
        case .certificate:
            "it is a certificate: openssl x509 -pubkey -noout -in FILE prints its key"
        case .encrypted: "its key is protected by a passphrase: give it without one"
        case .notPrivate: "its key is public: a private key is needed to sign"
        case .type: "its key is neither RSA, EC of P-256, P-384 or P-521, nor Ed25519"
        case .unusable(let reason): "its key cannot be used: \(reason.rawValue)"
        case .algorithm: "its key cannot be used with this algorithm"
        }
    }
}
