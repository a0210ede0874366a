/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
enum RS256: SignatureAlgorithm {
    static let names = [TokenAlgorithm.rs256]
    static let scheme = SignatureScheme.pkcs1(.sha256)
}
