public import CoreAPIBase

/// Verifies tokens.
public protocol TokenVerifier: Sendable {
    /// Returns the claims of a valid token; throws why the token is refused.
    ///
    /// - Parameters:
    ///   - token: the bytes as received.
    ///   - now: the time to compare `exp` and `nbf` with.
    func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims
}

extension TokenVerifier {
    /// Verifies a token given as text.
    public func verify(_ token: String, at now: UnixTime) throws(TokenError) -> TokenClaims {
        try verify(Array(token.utf8).span, at: now)
    }
}
