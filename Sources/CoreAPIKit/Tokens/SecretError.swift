/// Why secrets cannot be used. No case holds a byte of a secret.
@nonexhaustive public enum SecretError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A secret is empty: anybody could sign with it.
    case empty
    /// The list of secrets is empty: no token could be verified.
    case missing
    /// The list has more than ``HMACTokenVerifier/secretsMax`` secrets.
    case tooMany
    /// A secret is only white space, in ASCII or UTF-8: an empty line.
    case whiteSpace
    /// A secret is only zero bytes: HMAC pads a key with zero bytes (RFC 2104 §2), so the key is
    /// the empty key.
    case zeroBytes
    /// A key in PEM (RFC 7468), a line of one, a JSON Web Key (RFC 7517), or a public key in base64
    /// or of OpenSSH: a public key is known to everybody.
    case key

    public var description: String {
        switch self {
        case .empty: "it is empty"
        case .missing: "there is no secret"
        case .tooMany: "there are more than \(HMACTokenVerifier.secretsMax) secrets"
        case .whiteSpace: "it is white space alone, which is no secret"
        case .zeroBytes: "it is zero bytes alone, which HMAC takes for the empty key"
        case .key:
            "it is a key in PEM or JWK, or a public key, and no shared secret: others know it"
        }
    }
}
