public import CoreAPIBase

/// A fake for tests of programs that embed the Kit: it accepts a fixed set of tokens.
public struct FixedTokenVerifier: TokenVerifier {
    private let claims: [String: TokenClaims]

    /// - Parameter claims: the claims of each accepted token; any other token is refused with
    ///   ``TokenError/signatureInvalid``.
    public init(_ claims: [String: TokenClaims]) { self.claims = claims }

    /// The claims of the token; throws ``TokenError/signatureInvalid`` for an unknown token.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        var bytes: [UInt8] = []
        for index in token.indices { bytes.append(token[index]) }
        guard let claims = claims[String(decoding: bytes, as: UTF8.self)] else {
            throw .signatureInvalid
        }
        return claims
    }
}
