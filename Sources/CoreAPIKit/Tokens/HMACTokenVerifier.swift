public import CoreAPIBase

/// Verifies HS256 tokens: JWS in compact serialization (RFC 7515, RFC 7518 §3.2) with the claims of
/// the Auth API, by the rules of RFC 7519 and of JWT's best current practices (RFC 8725).
///
/// A key is used with exactly one algorithm; nothing in a token chooses another, or a key. There
/// may be several keys, so that one can be replaced by another while tokens of both are around.
public struct HMACTokenVerifier: TokenVerifier {
    /// RFC 7518 §3.2 asks for a key of at least this many bytes; shorter ones can be guessed.
    public static let secretBytesRecommendedMin = 32

    /// How many secrets a verifier has at most: each one is a hash more for a token that is signed
    /// by none of them.
    public static let secretsMax = 8

    /// The longest token that a verifier reads, in bytes.
    public static let tokenBytesMax = CompactToken.bytesMax

    private let newest: HMACSHA256
    private let older: [HMACSHA256]
    private let policy: TokenPolicy

    /// - Parameters:
    ///   - secret: the bytes shared with the Auth API; they need not be text. White space alone,
    ///     zero bytes alone and a key in PEM or JWK are refused.
    ///   - policy: what a token must say besides.
    public init(secret: [UInt8], policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secrets: [secret], policy: policy)
    }

    /// A verifier that believes a token that is signed with any of the secrets.
    ///
    /// - Parameters:
    ///   - secrets: the newest first, which is tried first; 1 to ``secretsMax``.
    ///   - policy: what a token must say besides.
    public init(secrets: [[UInt8]], policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        guard let first = secrets.first else { throw .missing }
        guard secrets.count <= HMACTokenVerifier.secretsMax else { throw .tooMany }
        for secret in secrets { try SecretRules.check(secret) }
        newest = HMACSHA256(key: first)
        older = secrets.dropFirst().map { HMACSHA256(key: $0) }
        self.policy = policy
    }

    /// - Parameters:
    ///   - secret: text, whose UTF-8 is shared with the Auth API.
    ///   - policy: what a token must say besides.
    public init(secret: String, policy: TokenPolicy = TokenPolicy()) throws(SecretError) {
        try self.init(secret: Array(secret.utf8), policy: policy)
    }

    /// The claims of a token that is signed, in time and as the policy asks.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        let parts = try CompactToken(token)
        let header = try HMACTokenVerifier.header(parts.header, of: token)
        let signature = try HMACTokenVerifier.signature(parts, header, of: token)
        // Nothing in the header selects the key, so neither part is read before the signature is
        // verified (RFC 8725 §2.4 on): an unsigned token costs its hash and no more.
        let input = token.extracting(parts.signingInput)
        let expected = newest.code(of: input)
        guard
            HMACSHA256.isEqual(signature.span, expected.span)
                || isSignedByOlder(input, signature.span)
        else { throw .signatureInvalid }
        if let header { try JOSEHeader.check(header.span) }
        guard let payload = Base64URL.decode(parts.payload, of: token) else {
            throw .malformed(.notBase64URL)
        }
        return try ClaimsSet.claims(payload.span, at: now, policy)
    }

    private func isSignedByOlder(_ input: Span<UInt8>, _ signature: Span<UInt8>) -> Bool {
        for mac in older {
            let code = mac.code(of: input)
            if HMACSHA256.isEqual(signature, code.span) { return true }
        }
        return false
    }

    /// The header's JSON; nil if it is a usual one, which need not be looked at.
    private static func header(
        _ range: Range<Int>, of token: Span<UInt8>
    ) throws(TokenError) -> [UInt8]? {
        if JOSEHeader.isUsual(range, of: token) { return nil }
        guard let header = Base64URL.decode(range, of: token) else {
            throw .malformed(.notBase64URL)
        }
        return header
    }

    /// The signature, if it has the length of one. Of a token that has another one, and so another
    /// algorithm, the header says more.
    private static func signature(
        _ parts: CompactToken, _ header: [UInt8]?, of token: Span<UInt8>
    ) throws(TokenError) -> HMACSHA256.Digest {
        let range = parts.signature
        var signature = HMACSHA256.Digest(repeating: 0)
        guard Base64URL.decodedLength(range.count) == signature.count else {
            if let header { try JOSEHeader.check(header.span) }
            let isEncoded = Base64URL.decode(range, of: token) != nil
            throw isEncoded ? .signatureInvalid : .malformed(.notBase64URL)
        }
        var place = signature.mutableSpan
        guard Base64URL.decode(range, of: token, into: &place) else {
            throw .malformed(.notBase64URL)
        }
        return signature
    }
}
