internal import CoreAPIBase

/// A signature algorithm of JOSE (RFC 7518 §3.1, RFC 8037, RFC 9864). The raw value is its name:
/// `ES256`.
@nonexhaustive public enum TokenAlgorithm: String, CaseIterable, Hashable, Sendable {
    /// HMAC with SHA-256 and a shared secret; the only algorithm without a public key.
    case hs256 = "HS256"
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    case rs384 = "RS384"
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    case rs512 = "RS512"
    /// RSASSA-PSS with SHA-256.
    case ps256 = "PS256"
    /// RSASSA-PSS with SHA-384.
    case ps384 = "PS384"
    /// RSASSA-PSS with SHA-512.
    case ps512 = "PS512"
    /// ECDSA with P-256 and SHA-256.
    case es256 = "ES256"
    /// ECDSA with P-384 and SHA-384.
    case es384 = "ES384"
    /// ECDSA with P-521 and SHA-512.
    case es512 = "ES512"
    /// EdDSA with Ed25519, by its name of RFC 9864.
    case ed25519 = "Ed25519"
    /// EdDSA with Ed25519, by its name of RFC 8037, which RFC 9864 deprecates.
    case edDSA = "EdDSA"

    /// The algorithms of public keys: all but HS256.
    public static let asymmetric = Set(allCases).subtracting([.hs256])

    /// The algorithm of an `alg` member; nil for an unknown name.
    init?(_ text: JSONText, _ bytes: Span<UInt8>) {
        switch text.eightBytes(bytes) {
        case "HS256"?: self = .hs256
        case "RS256"?: self = .rs256
        case "RS384"?: self = .rs384
        case "RS512"?: self = .rs512
        case "PS256"?: self = .ps256
        case "PS384"?: self = .ps384
        case "PS512"?: self = .ps512
        case "ES256"?: self = .es256
        case "ES384"?: self = .es384
        case "ES512"?: self = .es512
        case "Ed25519"?: self = .ed25519
        case "EdDSA"?: self = .edDSA
        default: return nil
        }
    }
}
