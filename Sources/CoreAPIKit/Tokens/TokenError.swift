/// Why a token is refused.
@nonexhaustive public enum TokenError: Error, Hashable, Sendable {
    /// The token is not a JWS in compact serialization, or its header is not accepted.
    case malformed(Flaw)
    /// The token is not signed with a key that its `alg` and `kid` select.
    case signatureInvalid
    /// The key set has no usable key with the token's `kid`. A newer set may have one.
    case keyUnknown
    /// The key set that the token's algorithm needs has never been there, or is too old.
    case keysUnavailable
    /// The token has expired: its `exp` has passed.
    case expired
    /// The token's `nbf` lies in the future.
    case notYetValid
    /// A claim is missing, has the wrong type, or has a value that this service does not accept.
    case claimInvalid(Claim)

    /// A flaw of a token's form. The raw value describes it to the caller.
    @nonexhaustive public enum Flaw: String, Sendable {
        /// In the JSON body, the token is not a string.
        case notText = "it is not a string"
        /// The token is longer than ``HMACTokenVerifier/tokenBytesMax``.
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
        /// RFC 8725 §3.1: exactly one algorithm is accepted, never `none`.
        case algorithm = "its alg is not HS256"
        /// RFC 8725 §3.1: the configuration decides which algorithms are believed.
        case algorithmNotAccepted = "its alg is not one that this service accepts"
        /// RFC 7515 §4.1.4.
        case keyID = "its kid is not a string"
        /// RFC 7515 §4.1.11.
        case critical = "it has a crit header, and no extension is supported"
        /// RFC 7797 §3.
        case unencodedPayload = "it has a b64 header, which is not supported"
        /// RFC 7515 §4.1.9.
        case type = "its typ is neither JWT nor application/jwt"
    }

    /// An invalid claim. The raw value describes a valid one.
    @nonexhaustive public enum Claim: String, Sendable {
        /// RFC 7519 §4.1.4.
        case expiry = "exp must be a number: seconds since 1970"
        /// ``TokenPolicy/lifetimeMax``.
        case lifetime = "exp lies further in the future than this service accepts"
        /// RFC 7519 §4.1.5.
        case notBefore = "nbf must be a number: seconds since 1970"
        /// RFC 7519 §4.1.6.
        case issuedAt = "iat must be a number: seconds since 1970"
        /// The user's id in the Auth API.
        case userID = "user_id must be an integer from 0 to 9007199254740991"
        /// Whether the user may make transactions.
        case enabled = "enabled must be true or false"
        /// RFC 7519 §4.1.3.
        case audience = "aud does not name this service"
        /// RFC 7519 §4.1.1.
        case issuer = "iss is not the issuer that this service trusts"
    }
}
