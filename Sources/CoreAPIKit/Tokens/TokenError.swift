/// Why a token is not believed.
@nonexhaustive public enum TokenError: Error, Hashable, Sendable {
    /// Not a JWS in compact serialization with a header that this service accepts.
    case malformed(Flaw)
    /// Not signed with the shared secret by HMAC-SHA256.
    case signatureInvalid
    /// Its `exp` has come.
    case expired
    /// `nbf` lies in the future.
    case notYetValid
    /// A claim is missing, of the wrong type, or says what this service does not accept.
    case claimInvalid(Claim)

    /// What is wrong with the form of a token; the raw value says it in words for its bearer.
    @nonexhaustive public enum Flaw: String, Sendable {
        /// In a JSON body, it is of another type.
        case notText = "it is not a string"
        /// More than ``CompactToken/bytesMax``.
        case tooLong = "it is longer than 8192 bytes"
        /// RFC 7515 §7.1.
        case notThreeParts = "it does not have three parts with two dots between them"
        /// RFC 7515 §2; canonical: RFC 4648 §3.5.
        case notBase64URL = "a part is not canonical base64url without padding"
        /// RFC 7515 §4.
        case headerNotObject =
            "its header is not one JSON object with unique names, free of escapes"
        /// RFC 7519 §4.
        case payloadNotObject = "its payload is not one JSON object with unique names"
        /// RFC 8725 §3.1: one algorithm, and `none` least of all.
        case algorithm = "its alg is not HS256"
        /// RFC 7515 §4.1.11.
        case critical = "it has a crit header, and no extension is supported"
        /// RFC 7797 §3.
        case unencodedPayload = "it has a b64 header, which is not supported"
        /// RFC 7515 §4.1.9.
        case type = "its typ is neither JWT nor application/jwt"
    }

    /// A claim; the raw value says what would be right.
    @nonexhaustive public enum Claim: String, Sendable {
        /// RFC 7519 §4.1.4.
        case expiry = "exp must be a number: seconds since 1970"
        /// ``TokenPolicy/lifetimeMax``.
        case lifetime = "exp lies further in the future than this service accepts"
        /// RFC 7519 §4.1.5.
        case notBefore = "nbf must be a number: seconds since 1970"
        /// RFC 7519 §4.1.6.
        case issuedAt = "iat must be a number: seconds since 1970"
        /// The user, as the Auth API numbers them.
        case userID = "user_id must be an integer from 0 to 9007199254740991"
        /// Whether the user may make transactions.
        case enabled = "enabled must be true or false"
        /// RFC 7519 §4.1.3.
        case audience = "aud does not name this service"
        /// RFC 7519 §4.1.1.
        case issuer = "iss is not the issuer that this service trusts"
    }
}
