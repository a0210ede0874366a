public import CoreAPIBase

/// Verifies HS256 tokens: JWS in compact serialization (RFC 7515, RFC 7518 §3.2) with the claims of
/// the Auth API, by the rules of RFC 7519 and of JWT's best current practices (RFC 8725).
///
/// A key is used with exactly one algorithm. A token cannot choose an algorithm or a key. Several
/// keys may be valid at the same time, so that a key can be rotated while tokens of both are in
/// use.
public struct HMACTokenVerifier: TokenVerifier {
    /// Minimum length of a key by RFC 7518 §3.2, in bytes; a shorter key can be guessed.
    public static let secretBytesRecommendedMin = 32

    /// Maximum number of secrets of a verifier: a token with an invalid signature costs one hash
    /// for each secret.
    public static let secretsMax = 8

    /// The longest token that a verifier reads, in bytes.
    public static let tokenBytesMax = CompactToken.bytesMax

    private let newest: HMACSHA256
    private let older: [HMACSHA256]
    private let policy: TokenPolicy
    /// Verifies tokens of other algorithms; nil without a key set.
    var keys: KeySetVerification?

    /// - Parameters:
    ///   - secret: the bytes shared with the Auth API; they need not be text. White space alone,
    ///     zero bytes alone and a key in PEM or JWK are refused.
    ///   - policy: the further conditions of a token.
    public init(secret: [UInt8], policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secrets: [secret], policy: policy)
    }

    /// A verifier that accepts a token signed with any of the secrets.
    ///
    /// - Parameters:
    ///   - secrets: 1 to ``secretsMax`` secrets, the newest first; they are tried in this order.
    ///   - policy: the further conditions of a token.
    public init(secrets: [[UInt8]], policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secrets: secrets, policy: policy, keys: nil)
    }

    /// - Parameter keys: verifies the tokens of all algorithms but HS256.
    init(
        secrets: [[UInt8]], policy: TokenPolicy, keys: KeySetVerification?
    ) throws(SecretError) {
        guard let first = secrets.first else { throw .missing }
        guard secrets.count <= HMACTokenVerifier.secretsMax else { throw .tooMany }
        for secret in secrets { try SecretRules.check(secret) }
        newest = HMACSHA256(key: first)
        older = secrets.dropFirst().map { HMACSHA256(key: $0) }
        self.policy = policy
        self.keys = keys
    }

    /// - Parameters:
    ///   - secret: text, whose UTF-8 is shared with the Auth API.
    ///   - policy: the further conditions of a token.
    public init(secret: String, policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secret: Array(secret.utf8), policy: policy)
    }

    /// The claims of a token that is signed, not expired and within the policy.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        let parts = try CompactToken(token)
        let isUsual = JOSEHeader.isUsual(parts.header, of: token)
        if !isUsual {
            if let keys, let claims = try claims(by: keys, parts, of: token, at: now) {
                return claims
            }
            try HMACTokenVerifier.checkSpelling(parts, of: token)
        }
        var signature = HMACSHA256.Digest(repeating: 0)
        try HMACTokenVerifier.decodeSignature(parts, of: token, into: &signature)
        // Nothing in the header selects the key, so neither part is read before the signature is
        // verified (RFC 8725 §2.4 on): an unsigned token costs its hash and no more.
        let input = token.extracting(parts.signingInput)
        let expected = newest.code(of: input)
        guard
            HMACSHA256.isEqual(signature.span, expected.span)
                || isSignedByOlder(input, signature.span)
        else { throw .signatureInvalid }
        if !isUsual { try HMACTokenVerifier.checkHeader(parts, of: token) }
        return try claims(parts.payload, of: token, at: now)
    }

    /// The claims of a token of another algorithm than HS256; nil for HS256, which needs a secret.
    @inline(never) private func claims(
        by keys: KeySetVerification, _ parts: CompactToken, of token: Span<UInt8>,
        at now: UnixTime
    ) throws(TokenError) -> TokenClaims? {
        let header = try keys.header(parts, of: token)
        if header.algorithm == .hs256 { return nil }
        return try keys.claims(parts, header, of: token, at: now)
    }

    /// The claims of the payload. A payload of usual length is decoded without an allocation.
    private func claims(
        _ payload: Range<Int>, of token: Span<UInt8>, at now: UnixTime
    ) throws(TokenError) -> TokenClaims {
        var usual = InlineArray<512, UInt8>(repeating: 0)
        let length = Base64URL.decodedLength(payload.count)
        guard length <= usual.count else {
            guard let decoded = Base64URL.decode(payload, of: token) else {
                throw .malformed(.notBase64URL)
            }
            return try ClaimsSet.claims(decoded.span, at: now, policy)
        }
        var output = usual.mutableSpan
        guard Base64URL.decode(payload, of: token, into: &output) else {
            throw .malformed(.notBase64URL)
        }
        return try ClaimsSet.claims(usual.span.extracting(first: length), at: now, policy)
    }

    private func isSignedByOlder(_ input: Span<UInt8>, _ signature: Span<UInt8>) -> Bool {
        for mac in older {
            let code = mac.code(of: input)
            if HMACSHA256.isEqual(signature, code.span) { return true }
        }
        return false
    }

    private static func checkHeader(
        _ parts: CompactToken, of token: Span<UInt8>
    ) throws(TokenError) {
        guard let header = Base64URL.decode(parts.header, of: token) else {
            throw .malformed(.notBase64URL)
        }
        try JOSEHeader.check(header.span)
    }

    /// Chooses the more helpful error of a token. A signature that has not HS256's length belongs
    /// to another algorithm: throws the error of the header. Otherwise throws if a header of usual
    /// length is not base64url.
    private static func checkSpelling(
        _ parts: CompactToken, of token: Span<UInt8>
    ) throws(TokenError) {
        if parts.signature.count != HMACTokenVerifier.signatureDigits {
            return try checkHeader(parts, of: token)
        }
        guard
            parts.header.count > HMACTokenVerifier.usualHeaderDigitsMax
                || Base64URL.decode(parts.header, of: token) != nil
        else { throw .malformed(.notBase64URL) }
    }

    /// 32 bytes in base64url.
    private static let signatureDigits = 43
    private static let usualHeaderDigitsMax = 1_024

    /// Decodes the signature, if it has the length of one.
    private static func decodeSignature(
        _ parts: CompactToken, of token: Span<UInt8>, into signature: inout HMACSHA256.Digest
    ) throws(TokenError) {
        let range = parts.signature
        guard Base64URL.decodedLength(range.count) == signature.count else {
            let isEncoded = Base64URL.decode(range, of: token) != nil
            throw isEncoded ? .signatureInvalid : .malformed(.notBase64URL)
        }
        var output = signature.mutableSpan
        guard Base64URL.decode(range, of: token, into: &output) else {
            throw .malformed(.notBase64URL)
        }
    }
}
