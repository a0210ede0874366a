/// Why secrets cannot be used. No case holds a byte of one.
public enum SecretError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A secret without a byte would sign for everybody.
    case empty
    /// Without a secret nothing could be believed.
    case missing
    /// More than ``HMACTokenVerifier/secretsMax``.
    case tooMany
    /// White space alone, in ASCII or in UTF-8: an empty line, not a secret.
    case whiteSpace
    /// Zero bytes alone: HMAC pads a key with zero bytes (RFC 2104 §2), so these are the empty key.
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
