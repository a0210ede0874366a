internal import CoreAPIBase

/// The header of a signed token (RFC 7515 §4).
enum JOSEHeader {
    /// Whether the encoded header is, byte for byte, one that nearly every issuer of HS256 tokens
    /// sends, and that `check` accepts: then it need not be decoded.
    static func isUsual(_ header: Range<Int>, of token: Span<UInt8>) -> Bool {
        for usual in usual where ASCII.equal(usual.span, header, of: token) { return true }
        return false
    }

    static let usual = [
        #"{"typ":"JWT","alg":"HS256"}"#, #"{"alg":"HS256","typ":"JWT"}"#, #"{"alg":"HS256"}"#,
    ].map { Base64URL.encode(Array($0.utf8).span) }

    /// Throws unless the header says `"alg":"HS256"` and asks for nothing that this service does
    /// not do. Members that could choose a key (`kid`, `jwk`, `jku`, `x5u`, `x5c`) are not looked
    /// at. A member's name is spelt without escape sequences.
    static func check(_ bytes: Span<UInt8>) throws(TokenError) {
        var algorithm: JSONValue?
        var type: JSONValue?
        var (isCritical, isUnencoded) = (false, false)
        let isObject = TokenObject.read(bytes, escapedNames: .refused) { name, value in
            switch name.short(bytes) {
            case "alg"?: algorithm = value
            case "typ"?: type = value
            case "crit"?: isCritical = true
            case "b64"?: isUnencoded = true
            default: break
            }
        }
        guard isObject else { throw .malformed(.headerNotObject) }
        // `none` in any case, and every other algorithm, ends here (RFC 8725 §3.1).
        guard case .text(let algorithm)? = algorithm, algorithm.short(bytes) == "HS256"
        else { throw .malformed(.algorithm) }
        // No extension is understood, so none can be critical; an empty list is refused as well
        // (RFC 7515 §4.1.11).
        guard !isCritical else { throw .malformed(.critical) }
        // RFC 7797 §6: without crit, b64 must not be there.
        guard !isUnencoded else { throw .malformed(.unencodedPayload) }
        if let type {
            guard case .text(let type) = type, isJWT(type, bytes) else { throw .malformed(.type) }
        }
    }

    /// A media type, whose names are compared without regard to case, and whose `application/` may
    /// be left out if there is no other slash (RFC 7515 §4.1.9, RFC 7519 §5.1).
    private static func isJWT(_ type: JSONText, _ bytes: Span<UInt8>) -> Bool {
        guard let name = type.short(bytes)?.lowercased else { return false }
        return name == "jwt" || name == "application/jwt"
    }
}
