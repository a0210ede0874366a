public import CoreAPIBase
internal import Synchronization

/// Verifies tokens by the keys of a ``KeySetSource``, always by the set in use.
///
/// A token with an unknown key is refused at once with ``TokenError/keyUnknown``, and the source
/// looks for a newer set. Without a set, tokens are refused with ``TokenError/keysUnavailable``.
public final class KeySetSourceVerifier: TokenVerifier {
    private struct Cached {
        var generation: Int
        var verifier: KeySetTokenVerifier
    }

    private let source: KeySetSource
    private let policy: TokenPolicy
    private let algorithms: Set<TokenAlgorithm>
    private let cached: Mutex<Cached>

    /// - Parameters:
    ///   - source: where the keys come from.
    ///   - policy: the further conditions of a token.
    ///   - algorithms: the algorithms that are believed.
    public init(
        source: KeySetSource, policy: TokenPolicy = TokenPolicy(),
        algorithms: Set<TokenAlgorithm> = TokenAlgorithm.asymmetric
    ) {
        self.source = source
        self.policy = policy
        self.algorithms = algorithms
        let generation = source.generation
        cached = Mutex(
            Cached(
                generation: generation,
                verifier: KeySetSourceVerifier.verifier(source, policy, algorithms)))
    }

    /// The claims of a token that is signed, not expired and within the policy.
    public func verify(_ token: Span<UInt8>, at now: UnixTime) throws(TokenError) -> TokenClaims {
        try current().verify(token, at: now)
    }

    /// The verifier of the set in use. It is made once for each set.
    private func current() -> KeySetTokenVerifier {
        // Read before the set: a change in between is seen at the next token.
        let generation = source.generation
        return cached.withLock { cached in
            if cached.generation != generation {
                cached = Cached(
                    generation: generation,
                    verifier: KeySetSourceVerifier.verifier(source, policy, algorithms))
            }
            return cached.verifier
        }
    }

    private static func verifier(
        _ source: KeySetSource, _ policy: TokenPolicy, _ algorithms: Set<TokenAlgorithm>
    ) -> KeySetTokenVerifier {
        let keys = source.keySet.map { KeySetAvailability.available($0) } ?? .unavailable
        return KeySetTokenVerifier(
            KeySetVerification(keys, algorithms, policy) { source.refresh() })
    }
}
