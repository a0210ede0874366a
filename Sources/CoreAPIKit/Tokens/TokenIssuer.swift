public import CoreAPIBase

/// Issues tokens like the Auth API's, for tests and for trials without an Auth API.
public struct TokenIssuer: Sendable {
    /// The `aud` of each token, as the policy of a verifier may demand it; nil for tokens without.
    public var audience: String?
    /// The `iss` of each token; nil for tokens without.
    public var issuer: String?
    private let key: Key
    /// The header of the tokens in JSON.
    private let header: [UInt8]

    private enum Key: Sendable {
        case secret(HMACSHA256)
        case signer(TokenSigner)
    }

    /// - Parameter secret: the bytes shared with the verifier.
    public init(secret: [UInt8]) throws(SecretError) {
        try SecretRules.check(secret)
        key = .secret(HMACSHA256(key: secret))
        header = TokenIssuer.header(.hs256, keyID: nil)
    }

    /// An issuer that signs with a private key.
    ///
    /// - Parameters:
    ///   - pem: an RSA, EC or Ed25519 key in PEM, without a passphrase.
    ///   - algorithm: one of the key's type; nil for RS256, for the one of the EC key's curve, or
    ///     for Ed25519.
    ///   - keyID: the `kid` of the tokens; nil for tokens without one.
    public init(
        privateKey pem: [UInt8], algorithm: TokenAlgorithm? = nil, keyID: String? = nil
    ) throws(PEMKeyError) {
        let signer = try TokenSigner(pem, algorithm)
        key = .signer(signer)
        header = TokenIssuer.header(signer.algorithm, keyID: keyID)
    }

    /// - Parameter secret: the text whose UTF-8 bytes are shared with the verifier.
    public init(secret: String) throws(SecretError) {
        try self.init(secret: Array(secret.utf8))
    }

    /// A token with the Auth API's claims, and with those that ``audience`` and ``issuer`` name.
    public func issue(
        userID: Int, username: String, isEnabled: Bool = true, expiresAt: UnixTime
    ) -> String {
        var payload = JSONWriter()
        payload.raw("{\"user_id\":")
        payload.integer(userID)
        payload.raw(",\"username\":")
        payload.text(username)
        payload.raw(",\"enabled\":")
        payload.raw(isEnabled ? "true" : "false")
        payload.raw(",\"exp\":")
        payload.integer(Int(expiresAt.wholeSeconds))
        for (name, value) in [("aud", audience), ("iss", issuer)] {
            guard let value else { continue }
            payload.raw(",\"\(name)\":")
            payload.text(value)
        }
        payload.raw("}")
        return sign(header: header, payload: payload.bytes)
    }

    /// A compact JWS of any header and payload, so that a test can make invalid tokens.
    package func sign(header: [UInt8], payload: [UInt8]) -> String {
        let parts = [Base64URL.encode(header.span), Base64URL.encode(payload.span)]
        return signed(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "."))
    }

    /// The signing input followed by its signature.
    package func signed(_ signingInput: String) -> String {
        let message = Array(signingInput.utf8)
        let signature: [UInt8]
        switch key {
        case .secret(let mac):
            let code = mac.code(of: message.span)
            signature = Base64URL.encode(code.span)
        case .signer(let signer): signature = Base64URL.encode(signer.signature(of: message).span)
        }
        return signingInput + "." + String(decoding: signature, as: UTF8.self)
    }

    private static func header(_ algorithm: TokenAlgorithm, keyID: String?) -> [UInt8] {
        var header = JSONWriter()
        header.raw("{\"typ\":\"JWT\",\"alg\":\"\(algorithm.rawValue)\"")
        if let keyID {
            header.raw(",\"kid\":")
            header.text(keyID)
        }
        header.raw("}")
        return header.bytes
    }
}
