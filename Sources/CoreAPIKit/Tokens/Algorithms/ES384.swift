/// ECDSA with P-384 and SHA-384 (RFC 7518 §3.4).
enum ES384: SignatureAlgorithm {
    static let names = [TokenAlgorithm.es384]
    static let scheme = SignatureScheme.ecdsa(.p384, .sha384)
}
