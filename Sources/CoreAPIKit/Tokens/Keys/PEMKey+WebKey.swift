internal import CoreAPIBase

extension PEMKey {
    /// The base64url of the key's thumbprint (RFC 7638): the SHA-256 of its required members, in
    /// the order of their names.
    package var thumbprint: String {
        var members = JSONWriter()
        members.raw("{")
        for (index, (name, value)) in requiredMembers.enumerated() {
            members.raw(index == 0 ? "\"\(name)\":" : ",\"\(name)\":")
            members.text(value)
        }
        members.raw("}")
        return PEMKey.text(SignatureHash.sha256.code(of: members.bytes.span))
    }

    /// The public key as a JSON Web Key (RFC 7517 §4). No member of it is private.
    ///
    /// - Parameter keyID: its `kid`; nil for the thumbprint.
    package func webKey(keyID: String?) -> String {
        var key = JSONWriter()
        key.raw("{\"kid\":")
        key.text(keyID ?? thumbprint)
        key.raw(",\"use\":\"sig\"")
        // An RSA key has several algorithms, so the set leaves the choice to the issuer.
        if algorithms.count == 1, let name = algorithms.first?.names.first {
            key.raw(",\"alg\":\"\(name.rawValue)\"")
        }
        for (name, value) in requiredMembers {
            key.raw(",\"\(name)\":")
            key.text(value)
        }
        key.raw("}")
        return String(decoding: key.bytes, as: UTF8.self)
    }

    /// The algorithms of the key's type, the commonest first.
    var algorithms: [any SignatureAlgorithm.Type] {
        SignatureAlgorithms.all.filter { $0.scheme.accepts(material) }
    }

    /// The members that define the key (RFC 7638 §3.2, RFC 8037 §2), in the order of their names.
    private var requiredMembers: [(String, String)] {
        switch material {
        case .rsa(let modulus, let exponent):
            [("e", PEMKey.text(exponent)), ("kty", "RSA"), ("n", PEMKey.text(modulus))]
        case .ec(let curve, let x, let y):
            [
                ("crv", curve.name), ("kty", "EC"), ("x", PEMKey.text(x)), ("y", PEMKey.text(y)),
            ]
        case .ed25519(let point):
            [("crv", "Ed25519"), ("kty", "OKP"), ("x", PEMKey.text(point))]
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)
    }
}
