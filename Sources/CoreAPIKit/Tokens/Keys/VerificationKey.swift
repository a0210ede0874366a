/// A usable key of a set.
struct VerificationKey: Sendable {
    /// The bytes of the key's `kid`; nil without one.
    let keyID: [UInt8]?
    /// One for each algorithm that the key may be used with.
    let verifiers: [SignatureVerifier]

    /// The verifier of an algorithm; nil if the key must not be used with it.
    func verifier(_ algorithm: TokenAlgorithm) -> SignatureVerifier? {
        verifiers.first { $0.names.contains(algorithm) }
    }
}
