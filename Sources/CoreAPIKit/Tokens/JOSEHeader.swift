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
        let members = try Members(bytes)
        // Refuse every other algorithm, and `none` in any spelling (RFC 8725 §3.1).
        guard case .text(let algorithm)? = members.algorithm,
            algorithm.eightBytes(bytes) == "HS256"
        else { throw .malformed(.algorithm) }
        try members.check(bytes)
    }

    /// What a header says about the key: nothing else of it is used.
    struct Selection {
        let algorithm: TokenAlgorithm
        /// The bytes of `kid`; nil without one.
        let keyID: [UInt8]?
    }

    /// The algorithm and the `kid` of a header that needs no unsupported extension. `jwk`, `jku`,
    /// `x5u` and `x5c` are ignored (RFC 8725 §3.10).
    static func selection(_ bytes: Span<UInt8>) throws(TokenError) -> Selection {
        let members = try Members(bytes)
        guard case .text(let name)? = members.algorithm,
            let algorithm = TokenAlgorithm(name, bytes)
        else { throw .malformed(.algorithmNotAccepted) }
        try members.check(bytes)
        // With HS256, `kid` is ignored: it selects nothing.
        guard algorithm != .hs256, let keyID = members.keyID else {
            return Selection(algorithm: algorithm, keyID: nil)
        }
        guard case .text(let text) = keyID else { throw .malformed(.keyID) }
        return Selection(algorithm: algorithm, keyID: text.decoded(bytes))
    }

    /// The members that are read.
    private struct Members {
        var algorithm: JSONValue?
        var keyID: JSONValue?
        private var type: JSONValue?
        private var (isCritical, isUnencoded) = (false, false)

        init(_ bytes: Span<UInt8>) throws(TokenError) {
            var members = Members()
            let isObject = TokenObject.read(bytes, escapedNames: .refused) { name, value in
                switch name.eightBytes(bytes) {
                case "alg"?: members.algorithm = value
                case "kid"?: members.keyID = value
                case "typ"?: members.type = value
                case "crit"?: members.isCritical = true
                case "b64"?: members.isUnencoded = true
                default: break
                }
            }
            guard isObject else { throw .malformed(.headerNotObject) }
            self = members
        }

        private init() {}

        func check(_ bytes: Span<UInt8>) throws(TokenError) {
            // No extension is supported, so `crit` is refused, even as an empty list (RFC 7515
            // §4.1.11).
            guard !isCritical else { throw .malformed(.critical) }
            // RFC 7797 §6: a header without `crit` must not contain `b64`.
            guard !isUnencoded else { throw .malformed(.unencodedPayload) }
            if let type {
                guard case .text(let type) = type, JOSEHeader.isJWT(type, bytes) else {
                    throw .malformed(.type)
                }
            }
        }
    }

    /// Whether the media type is `application/jwt`, in any case; `typ` may omit `application/` if
    /// the rest has no slash (RFC 7515 §4.1.9, RFC 7519 §5.1).
    private static func isJWT(_ type: JSONText, _ bytes: Span<UInt8>) -> Bool {
        guard let name = type.short(bytes)?.lowercased else { return false }
        return name == "jwt" || name == "application/jwt"
    }
}
