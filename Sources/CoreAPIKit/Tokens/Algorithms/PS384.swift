/// RSASSA-PSS with SHA-384 (RFC 7518 §3.5).
enum PS384: SignatureAlgorithm {
    static let names = [TokenAlgorithm.ps384]
    static let scheme = SignatureScheme.pss(.sha384)
}
