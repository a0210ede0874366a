public import CoreAPIBase

/// Issues tokens like the Auth API's, for tests and for trials without an Auth API.
public struct TokenIssuer: Sendable {
    private let mac: HMACSHA256

    /// - Parameter secret: the bytes shared with the verifier.
    public init(secret: [UInt8]) throws(SecretError) {
        try SecretRules.check(secret)
        mac = HMACSHA256(key: secret)
    }

    /// - Parameter secret: the text whose UTF-8 bytes are shared with the verifier.
    public init(secret: String) throws(SecretError) {
        try self.init(secret: Array(secret.utf8))
    }

    /// A token with the Auth API's claims, signed by HS256.
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
        payload.raw("}")
        let header = Array("{\"typ\":\"JWT\",\"alg\":\"HS256\"}".utf8)
        return sign(header: header, payload: payload.bytes)
    }

    /// A compact JWS of any header and payload, so that a test can make invalid tokens.
    package func sign(header: [UInt8], payload: [UInt8]) -> String {
        let parts = [Base64URL.encode(header.span), Base64URL.encode(payload.span)]
        return signed(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "."))
    }

    /// The signing input followed by its signature.
    package func signed(_ signingInput: String) -> String {
        let code = mac.code(of: Array(signingInput.utf8).span)
        return signingInput + "." + String(decoding: Base64URL.encode(code.span), as: UTF8.self)
    }
}
