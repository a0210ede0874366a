internal import CoreAPIBase

extension PEMKey {
    /// The key's thumbprint (RFC 7638), its usual `kid`.
    package var thumbprint: String { material.thumbprint }

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
        for (name, value) in material.requiredMembers {
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
}
