internal import CoreAPIBase

/// Verifies tokens by a key set that may be away.
struct KeySetVerification: Sendable {
    private let keySet: KeySetAvailability
    private let algorithms: Set<TokenAlgorithm>
    private let policy: TokenPolicy
    private let keyUnknown: (@Sendable () -> Void)?
    /// See `PacedTokenVerifier`; nil to verify at once.
    var mayVerify: (@Sendable () -> Bool)?

    /// - Parameters:
    ///   - algorithms: those that are believed.
    ///   - keyUnknown: called for a token whose `kid` the set lacks.
    init(
        _ keySet: KeySetAvailability, _ algorithms: Set<TokenAlgorithm>, _ policy: TokenPolicy,
        keyUnknown: (@Sendable () -> Void)? = nil
    ) {
        self.keySet = keySet
        self.algorithms = algorithms.intersection(TokenAlgorithm.asymmetric)
        self.policy = policy
        self.keyUnknown = keyUnknown
    }

    /// The header of a token.
    func header(
        _ parts: CompactToken, of token: Span<UInt8>
    ) throws(TokenError) -> JOSEHeader.Selection {
        guard let header = Base64URL.decode(parts.header, of: token) else {
            throw .malformed(.notBase64URL)
        }
        return try JOSEHeader.selection(header.span)
    }

    /// The claims of a token whose header has been read.
    func claims(
        _ parts: CompactToken, _ header: JOSEHeader.Selection, of token: Span<UInt8>,
        at now: UnixTime
    ) throws(TokenError) -> TokenClaims {
        guard algorithms.contains(header.algorithm) else {
            throw .malformed(.algorithmNotAccepted)
        }
        guard let signature = Base64URL.decode(parts.signature, of: token) else {
            throw .malformed(.notBase64URL)
        }
        guard case .available(let set) = keySet else { throw .keysUnavailable }
        let input = token.extracting(parts.signingInput)
        guard try isSigned(input, by: set, header, signature) else { throw .signatureInvalid }
        guard let payload = Base64URL.decode(parts.payload, of: token) else {
            throw .malformed(.notBase64URL)
        }
        return try ClaimsSet.claims(payload.span, at: now, policy)
    }

    /// Whether one of the keys that the header selects has signed the input.
    private func isSigned(
        _ input: Span<UInt8>, by set: JSONWebKeySet, _ header: JOSEHeader.Selection,
        _ signature: [UInt8]
    ) throws(TokenError) -> Bool {
        var (isKnown, attempts) = (header.keyID == nil, 0)
        // A key without a `kid` never serves a token that has one.
        for key in set.keys where header.keyID == nil || key.keyID == header.keyID {
            isKnown = true
            guard let verifier = key.verifier(header.algorithm),
                verifier.signatureBytes == signature.count
            else { continue }
            guard attempts < KeySetTokenVerifier.attemptsMax else { return false }
            // The error is not shown: the caller of the verifier asks again.
            if attempts == 0, let mayVerify, !mayVerify() { throw .keysUnavailable }
            attempts += 1
            if verifier.verifies(signature.span, of: input) { return true }
        }
        guard isKnown else {
            keyUnknown?()
            throw .keyUnknown
        }
        return false
    }
}
