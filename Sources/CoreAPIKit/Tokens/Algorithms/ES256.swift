/// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
enum ES256: SignatureAlgorithm {
    static let names = [TokenAlgorithm.es256]
    static let scheme = SignatureScheme.ecdsa(.p256, .sha256)
}
