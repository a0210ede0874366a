public import CoreAPIBase

/// Verifies tokens by the public keys of their issuer: JWS in compact serialization (RFC 7515) with
/// the claims of the Auth API, by the rules of RFC 7519 and of JWT's best current practices (RFC
/// 8725).
///
/// The set decides what its keys may be used for, and this verifier which algorithms are believed.
/// A token chooses among them by `alg` and `kid`, and nothing else of its header is used.
public struct KeySetTokenVerifier: TokenVerifier {
    /// The largest number of keys that one token is tried with: those of its `kid`, or without a
    /// `kid` those of its algorithm, in the order of the set.
    public static let attemptsMax = 4

    var keys: KeySetVerification

    /// - Parameters:
    ///   - keySet: the issuer's keys. Make a new verifier when they change.
    ///   - policy: the further conditions of a token.
    ///   - algorithms: the algorithms that are believed. HS256 has no effect: a secret is
    ///     ``HMACTokenVerifier``'s, and never out of a key set.
    public init(
        keySet: JSONWebKeySet, policy: TokenPolicy = TokenPolicy(),
        algorithms: Set<TokenAlgorithm> = TokenAlgorithm.asymmetric
    ) {
        keys = KeySetVerification(.available(keySet), algorithms, policy)
    }

    init(_ keys: KeySetVerification) { self.keys = keys }

    /// The claims of a token that is signed, not expired and within the policy. Throws
    /// ``TokenError/keyUnknown`` if the set has no key of the token's `kid`.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        let parts = try CompactToken(token)
        let header = try keys.header(parts, of: token)
        return try keys.claims(parts, header, of: token, at: now)
    }
}
