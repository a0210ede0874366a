/// The header of a signed token (RFC 7515 §4).
enum JOSEHeader {
    /// Whether the encoded header is, byte for byte, one that nearly every issuer of HS256 tokens
    /// sends, and that `check` accepts: then it need not be decoded.
    static func isUsual(_ header: Range<Int>, of token: Span<UInt8>) -> Bool {
        usual.contains { ASCII.equal($0, header, of: token) }
    }

    static let usual = [
        #"{"typ":"JWT","alg":"HS256"}"#, #"{"alg":"HS256","typ":"JWT"}"#, #"{"alg":"HS256"}"#,
    ].map { String(decoding: Base64URL.encode(Array($0.utf8).span), as: UTF8.self) }

    /// Throws unless the header says `"alg":"HS256"` and asks for nothing that this service does
    /// not do. Members that could choose a key (`kid`, `jwk`, `jku`, `x5u`, `x5c`) are not looked
    /// at.
    static func check(_ bytes: Span<UInt8>) throws(TokenError) {
        guard let header = TokenObject(bytes) else { throw .malformed(.headerNotObject) }
        // `none` in any case, and every other algorithm, ends here (RFC 8725 §3.1).
        guard case .text(let algorithm)? = header.value("alg", bytes),
            algorithm.equals("HS256", bytes)
        else { throw .malformed(.algorithm) }
        // No extension is understood, so none can be critical; an empty list is refused as well
        // (RFC 7515 §4.1.11).
        guard header.value("crit", bytes) == nil else { throw .malformed(.critical) }
        // RFC 7797 §6: without crit, b64 must not be there.
        guard header.value("b64", bytes) == nil else { throw .malformed(.unencodedPayload) }
        if let type = header.value("typ", bytes) {
            guard case .text(let type) = type, isJWT(type, bytes) else { throw .malformed(.type) }
        }
    }

    /// Media type names are compared without regard to case (RFC 7519 §5.1).
    private static func isJWT(_ type: JSONText, _ bytes: Span<UInt8>) -> Bool {
        type.decoded(bytes).map(ASCII.lowercased).elementsEqual("jwt".utf8)
    }
}
