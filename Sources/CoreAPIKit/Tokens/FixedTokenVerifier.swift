public import CoreAPIBase

/// A fake for the tests of those who embed the Kit: believes the tokens that it was given.
public struct FixedTokenVerifier: TokenVerifier {
    private let claims: [String: TokenClaims]

    /// - Parameter claims: what each token says; every other one is refused as
    ///   ``TokenError/signatureInvalid``.
    public init(_ claims: [String: TokenClaims]) { self.claims = claims }

    /// The claims that were given for the token; ``TokenError/signatureInvalid`` for any other.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        var bytes: [UInt8] = []
        for index in token.indices { bytes.append(token[index]) }
        guard let claims = claims[String(decoding: bytes, as: UTF8.self)] else {
            throw .signatureInvalid
        }
        return claims
    }
}
