public import CoreAPIBase

/// Tells who sent a token, or why it is not to be believed.
public protocol TokenVerifier: Sendable {
    /// - Parameters:
    ///   - token: the bytes as they were received.
    ///   - now: the time by which the token is judged.
    func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims
}

extension TokenVerifier {
    /// Verifies a token that is at hand as text.
    public func verify(_ token: String, at now: UnixTime) throws(TokenError) -> TokenClaims {
        try verify(Array(token.utf8).span, at: now)
    }
}
