/// Chooses the verifier of a server by the keys that it has.
package enum TokenVerifiers {
    /// A verifier of HS256 tokens by the secrets and of all other tokens by the key set, never the
    /// other way round.
    ///
    /// - Parameters:
    ///   - secrets: the newest first; without any, HS256 is not accepted.
    ///   - algorithms: those that are believed; nil for all that the keys imply.
    ///   - keyUnknown: called for a token whose `kid` the key set lacks, on the loop's thread.
    package static func verifier(
        secrets: [[UInt8]], keys: KeySetAvailability, algorithms: Set<TokenAlgorithm>? = nil,
        policy: TokenPolicy, keyUnknown: (@Sendable () -> Void)? = nil
    ) throws(SecretError) -> any TokenVerifier {
        let algorithms = algorithms ?? Set(TokenAlgorithm.allCases)
        let acceptsSecrets = !secrets.isEmpty && algorithms.contains(.hs256)
        if case .notConfigured = keys {
            guard acceptsSecrets else { throw .missing }
            return try HMACTokenVerifier(secrets: secrets, policy: policy)
        }
        let verification = KeySetVerification(keys, algorithms, policy, keyUnknown: keyUnknown)
        guard acceptsSecrets else { return KeySetTokenVerifier(verification) }
        return try HMACTokenVerifier(secrets: secrets, policy: policy, keys: verification)
    }
}
