public import CoreAPIBase

/// Issues tokens as the Auth API does: for tests, and for trials without an Auth API at hand.
public struct TokenIssuer: Sendable {
    private let mac: HMACSHA256

    /// - Parameter secret: the bytes shared with those who verify.
    public init(secret: [UInt8]) throws(SecretError) {
        try SecretRules.check(secret)
        mac = HMACSHA256(key: secret)
    }

    /// - Parameter secret: text, whose UTF-8 is shared with those who verify.
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

    /// A compact JWS of any header and payload: what a test needs to make tokens that are wrong.
    package func sign(header: [UInt8], payload: [UInt8]) -> String {
        let parts = [Base64URL.encode(header.span), Base64URL.encode(payload.span)]
        return signed(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "."))
    }

    /// The signing input, with its signature added.
    package func signed(_ signingInput: String) -> String {
        let code = mac.code(of: Array(signingInput.utf8).span)
        return signingInput + "." + String(decoding: Base64URL.encode(code.span), as: UTF8.self)
    }
}
