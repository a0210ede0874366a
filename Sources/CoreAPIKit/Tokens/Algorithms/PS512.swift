/// RSASSA-PSS with SHA-512 (RFC 7518 §3.5).
enum PS512: SignatureAlgorithm {
    static let names = [TokenAlgorithm.ps512]
    static let scheme = SignatureScheme.pss(.sha512)
}
