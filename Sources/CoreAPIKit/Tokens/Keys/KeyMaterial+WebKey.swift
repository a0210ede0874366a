internal import CoreAPIBase

extension KeyMaterial {
    /// The base64url of the key's thumbprint (RFC 7638): the SHA-256 of its required members, in
    /// the order of their names.
    var thumbprint: String {
        var members = JSONWriter()
        members.raw("{")
        for (index, (name, value)) in requiredMembers.enumerated() {
            members.raw(index == 0 ? "\"\(name)\":" : ",\"\(name)\":")
            members.text(value)
        }
        members.raw("}")
        return KeyMaterial.text(SignatureHash.sha256.code(of: members.bytes.span))
    }

    /// The members that define the key (RFC 7638 §3.2, RFC 8037 §2), in the order of their names.
    var requiredMembers: [(String, String)] {
        switch self {
        case .rsa(let modulus, let exponent):
            [("e", KeyMaterial.text(exponent)), ("kty", "RSA"), ("n", KeyMaterial.text(modulus))]
        case .ec(let curve, let x, let y):
            [
                ("crv", curve.name), ("kty", "EC"), ("x", KeyMaterial.text(x)),
                ("y", KeyMaterial.text(y)),
            ]
        case .ed25519(let point):
            [("crv", "Ed25519"), ("kty", "OKP"), ("x", KeyMaterial.text(point))]
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)
    }
}
