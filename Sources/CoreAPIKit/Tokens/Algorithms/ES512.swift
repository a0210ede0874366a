/// ECDSA with P-521 and SHA-512 (RFC 7518 §3.4).
enum ES512: SignatureAlgorithm {
    static let names = [TokenAlgorithm.es512]
    static let scheme = SignatureScheme.ecdsa(.p521, .sha512)
}
