/// EdDSA with Ed25519 (RFC 8037 §3.1), under its name of RFC 9864 and its older one.
enum Ed25519: SignatureAlgorithm {
    static let names = [TokenAlgorithm.ed25519, .edDSA]
    static let scheme = SignatureScheme.ed25519
}
