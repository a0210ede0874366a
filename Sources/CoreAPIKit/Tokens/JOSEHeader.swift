internal import CoreAPIBase

/// The header of a signed token (RFC 7515 §4).
enum JOSEHeader {
    /// Fast path: whether the encoded header equals, byte for byte, one of the commonest headers of
    /// HS256 tokens. `check` accepts these headers, so they are not decoded.
    static func isUsual(_ header: Range<Int>, of token: Span<UInt8>) -> Bool {
        // {"alg":"HS256","typ":"JWT"}
        ASCII.equal("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", header, of: token)
            // {"typ":"JWT","alg":"HS256"}
            || ASCII.equal("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9", header, of: token)
            // {"alg":"HS256"}
            || ASCII.equal("eyJhbGciOiJIUzI1NiJ9", header, of: token)
    }

    /// Throws unless the header has `"alg":"HS256"` and needs no unsupported extension. Members
    /// that could choose a key (`kid`, `jwk`, `jku`, `x5u`, `x5c`) are ignored. A member's name
    /// with escape sequences is refused.
    static func check(_ bytes: Span<UInt8>) throws(TokenError) {
        var algorithm: JSONValue?
        var type: JSONValue?
        var (isCritical, isUnencoded) = (false, false)
        let isObject = TokenObject.read(bytes, escapedNames: .refused) { name, value in
            switch name.eightBytes(bytes) {
            case "alg"?: algorithm = value
            case "typ"?: type = value
            case "crit"?: isCritical = true
            case "b64"?: isUnencoded = true
            default: break
            }
        }
        guard isObject else { throw .malformed(.headerNotObject) }
        // Refuse every other algorithm, and `none` in any spelling (RFC 8725 §3.1).
        guard case .text(let algorithm)? = algorithm, algorithm.eightBytes(bytes) == "HS256"
        else { throw .malformed(.algorithm) }
        // No extension is supported, so `crit` is refused, even as an empty list (RFC 7515
        // §4.1.11).
        guard !isCritical else { throw .malformed(.critical) }
        // RFC 7797 §6: a header without `crit` must not contain `b64`.
        guard !isUnencoded else { throw .malformed(.unencodedPayload) }
        if let type {
            guard case .text(let type) = type, isJWT(type, bytes) else { throw .malformed(.type) }
        }
    }

    /// Whether the media type is `application/jwt`, in any case; `typ` may omit `application/` if
    /// the rest has no slash (RFC 7515 §4.1.9, RFC 7519 §5.1).
    private static func isJWT(_ type: JSONText, _ bytes: Span<UInt8>) -> Bool {
        guard let name = type.short(bytes)?.lowercased else { return false }
        return name == "jwt" || name == "application/jwt"
    }
}
