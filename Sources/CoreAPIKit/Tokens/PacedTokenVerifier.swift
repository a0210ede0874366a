/// A verifier some of whose tokens take long: a signature by a public key takes 0.1 to 0.7 ms.
package protocol PacedTokenVerifier: TokenVerifier {
    /// The same verifier, which asks before each token that takes long.
    ///
    /// - Parameter mayVerify: false ends the verification with any error. The caller then drops the
    ///   error and verifies the token again at a better time.
    func paced(by mayVerify: @escaping @Sendable () -> Bool) -> Self
}

extension HMACTokenVerifier: PacedTokenVerifier {
    package func paced(by mayVerify: @escaping @Sendable () -> Bool) -> HMACTokenVerifier {
        guard keys != nil else { return self }
        var paced = self
        paced.keys?.mayVerify = mayVerify
        return paced
    }
}

extension KeySetTokenVerifier: PacedTokenVerifier {
    package func paced(by mayVerify: @escaping @Sendable () -> Bool) -> KeySetTokenVerifier {
        var paced = self
        paced.keys.mayVerify = mayVerify
        return paced
    }
}
