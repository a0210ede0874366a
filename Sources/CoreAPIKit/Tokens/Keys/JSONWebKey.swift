internal import CoreAPIBase

/// The members of a JSON Web Key (RFC 7517 §4) that decide what it may be used for.
struct JSONWebKey {
    private let index: Int
    private var type: JSONValue?
    private var use: JSONValue?
    private var operations: JSONValue?
    private var algorithm: JSONValue?
    private var keyID: JSONValue?
    private var curve: JSONValue?
    private var n: JSONValue?
    private var e: JSONValue?
    private var x: JSONValue?
    private var y: JSONValue?
    private var hasPrivateMember = false
    /// The key's text, for the values.
    private var bytes: [UInt8] = []

    private init(index: Int) { self.index = index }

    /// Reads the members. Throws if the bytes are not one JSON object with unique names, or if the
    /// key is private.
    init(_ text: Span<UInt8>, index: Int) throws(KeySetError) {
        var key = JSONWebKey(index: index)
        key.bytes.append(addingCapacity: text.count) { $0.append(copying: text) }
        let isObject = TokenObject.read(text, escapedNames: .decoded) { name, value in
            key.take(name, value, text)
        }
        guard isObject else { throw .notKey(index: index) }
        guard !key.hasPrivateMember else { throw .privateKey(index: index) }
        self = key
    }

    private mutating func take(_ name: JSONText, _ value: JSONValue, _ text: Span<UInt8>) {
        switch name.eightBytes(text) {
        case "kty"?: type = value
        case "use"?: use = value
        case "key_ops"?: operations = value
        case "alg"?: algorithm = value
        case "kid"?: keyID = value
        case "crv"?: curve = value
        case "n"?: n = value
        case "e"?: e = value
        case "x"?: x = value
        case "y"?: y = value
        // RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2, and of post-quantum keys. The member of an `oct`
        // key is `k`; such a key is passed over.
        case "d"?, "p"?, "q"?, "dp"?, "dq"?, "qi"?, "oth"?, "priv"?: hasPrivateMember = true
        default: break
        }
    }

    /// A key's use.
    enum Use {
        case verification(VerificationKey)
        case none(UnusedKey)
    }

    /// The key, prepared for exactly the algorithms that its members permit; or why it is not used.
    func prepared() -> Use {
        do throws(UnusedKey.Reason) {
            let identifier = try identifier()
            try checkUse()
            let material = try material()
            if let flaw = material.flaw { throw flaw }
            let algorithms = try algorithms(material)
            guard let key = PublicKey(material) else { throw UnusedKey.Reason.point }
            let verifiers = algorithms.map { SignatureVerifier($0, key, material) }
            return .verification(VerificationKey(keyID: identifier, verifiers: verifiers))
        } catch {
            let name = (try? identifier()).flatMap { $0 }.map {
                String(decoding: $0, as: UTF8.self)
            }
            return .none(UnusedKey(index: index, keyID: name, reason: error))
        }
    }

    private func identifier() throws(UnusedKey.Reason) -> [UInt8]? {
        guard let keyID else { return nil }
        guard case .text(let text) = keyID else { throw .keyID }
        return text.decoded(bytes.span)
    }

    private func checkUse() throws(UnusedKey.Reason) {
        if let use {
            guard case .text(let text) = use, text.equals("sig", bytes.span) else { throw .use }
        }
        guard let operations else { return }
        guard case .array(let range) = operations else { throw .operations }
        var reader = JSONReader()
        let array = bytes.span.extracting(range)
        var values: [[UInt8]] = []
        // The array was validated before, so the second read does not fail.
        while let element = try? reader.nextElement(array, isFirst: values.isEmpty) {
            guard case .text(let text) = element else { throw .operations }
            let value = text.decoded(array)
            // RFC 7517 §4.3: no value twice. It defines eight.
            guard !values.contains(value), values.count < 32 else { throw .operations }
            values.append(value)
        }
        guard values.contains(Array("verify".utf8)) else { throw .operations }
    }

    private func material() throws(UnusedKey.Reason) -> KeyMaterial {
        guard case .text(let type)? = type else { throw .type }
        switch type.eightBytes(bytes.span) {
        case "RSA"?: return .rsa(modulus: try number(n), exponent: try number(e))
        case "EC"?:
            let curve: EllipticCurve
            switch word(self.curve) {
            case "P-256"?: curve = .p256
            case "P-384"?: curve = .p384
            case "P-521"?: curve = .p521
            default: throw .curve
            }
            return .ec(curve, x: try number(x), y: try number(y))
        case "OKP"?:
            guard word(curve) == "Ed25519" else { throw .curve }
            return .ed25519(try number(x))
        case "oct"?: throw .symmetric
        default: throw .type
        }
    }

    private func word(_ value: JSONValue?) -> EightBytes? {
        guard case .text(let text)? = value else { return nil }
        return text.eightBytes(bytes.span)
    }

    /// The bytes of a member in base64url.
    private func number(_ value: JSONValue?) throws(UnusedKey.Reason) -> [UInt8] {
        guard case .text(let text)? = value else { throw .members }
        let digits = text.decoded(bytes.span)
        guard let decoded = Base64URL.decode(digits.indices, of: digits.span) else {
            throw .members
        }
        return decoded
    }

    /// The algorithms that accept the key, or the one that its `alg` names.
    private func algorithms(
        _ material: KeyMaterial
    ) throws(UnusedKey.Reason) -> [any SignatureAlgorithm.Type] {
        let fitting = SignatureAlgorithms.all.filter { $0.scheme.accepts(material) }
        guard let algorithm else { return fitting }
        guard case .text(let text) = algorithm,
            let name = TokenAlgorithm(text, bytes.span),
            let named = fitting.first(where: { $0.names.contains(name) })
        else { throw .algorithm }
        return [named]
    }
}
