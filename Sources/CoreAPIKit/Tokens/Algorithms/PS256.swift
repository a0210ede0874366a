/// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
enum PS256: SignatureAlgorithm {
    static let names = [TokenAlgorithm.ps256]
    static let scheme = SignatureScheme.pss(.sha256)
}
