/// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
enum RS384: SignatureAlgorithm {
    static let names = [TokenAlgorithm.rs384]
    static let scheme = SignatureScheme.pkcs1(.sha384)
}
