/// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
enum RS512: SignatureAlgorithm {
    static let names = [TokenAlgorithm.rs512]
    static let scheme = SignatureScheme.pkcs1(.sha512)
}
