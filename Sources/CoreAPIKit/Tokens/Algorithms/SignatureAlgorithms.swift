/// The algorithms of public keys.
enum SignatureAlgorithms {
    static var all: [any SignatureAlgorithm.Type] {
        [
            RS256.self, RS384.self, RS512.self, PS256.self, PS384.self, PS512.self, ES256.self,
            ES384.self, ES512.self, Ed25519.self,
        ]
    }

    /// The scheme of a name; nil for HS256.
    static func scheme(of name: TokenAlgorithm) -> SignatureScheme? {
        all.first { $0.names.contains(name) }?.scheme
    }
}
