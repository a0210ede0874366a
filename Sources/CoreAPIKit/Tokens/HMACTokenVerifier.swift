/// Verifies HS256 tokens: JWS in compact serialization (RFC 7515, RFC 7518 §3.2) with the claims of
/// the Auth API, by the rules of RFC 7519 and of JWT's best current practices (RFC 8725).
///
/// The key is used with exactly one algorithm; nothing in a token chooses another, or a key.
public struct HMACTokenVerifier: TokenVerifier {
    /// RFC 7518 §3.2 asks for a key of at least this many bytes; shorter ones can be guessed.
    public static let secretBytesRecommendedMin = 32

    private let mac: HMACSHA256
    private let policy: TokenPolicy

    /// - Parameter secret: the bytes shared with the Auth API; they need not be text.
    public init(secret: [UInt8], policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        guard !secret.isEmpty else { throw .empty }
        mac = HMACSHA256(key: secret)
        self.policy = policy
    }

    /// - Parameter secret: text, whose UTF-8 is shared with the Auth API.
    public init(secret: String, policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secret: Array(secret.utf8), policy: policy)
    }

    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        let parts = try CompactToken(token)
        if !JOSEHeader.isUsual(parts.header, of: token) {
            guard let header = Base64URL.decode(parts.header, of: token) else {
                throw .malformed(.notBase64URL)
            }
            try JOSEHeader.check(header.span)
        }
        guard let signature = Base64URL.decode(parts.signature, of: token) else {
            throw .malformed(.notBase64URL)
        }
        // Nothing of the payload is believed before its signature (RFC 8725 §2.4 on).
        let expected = mac.code(of: token.extracting(parts.signingInput))
        guard HMACSHA256.isEqual(signature.span, expected.span) else { throw .signatureInvalid }
        guard let payload = Base64URL.decode(parts.payload, of: token) else {
            throw .malformed(.notBase64URL)
        }
        return try ClaimsSet.claims(payload.span, at: now, policy)
    }
}

/// Why a secret cannot be used.
public enum SecretError: Error, Hashable, Sendable {
    /// A secret without a byte would sign for everybody.
    case empty
}
