/// Why a token is not believed.
public enum TokenError: Error, Hashable, Sendable {
    /// Not a JWS in compact serialization with a header that this service accepts.
    case malformed(Flaw)
    /// Not signed with the shared secret by HMAC-SHA256.
    case signatureInvalid
    case expired
    /// `nbf` lies in the future.
    case notYetValid
    /// A claim is missing, of the wrong type, or says what this service does not accept.
    case claimInvalid(Claim)

    /// What is wrong with the form of a token; the raw value says it in words for its bearer.
    public enum Flaw: String, Sendable {
        case notText = "it is not a string"
        case tooLong = "it is longer than 8192 bytes"
        case notThreeParts = "it does not have three parts with two dots between them"
        case notBase64URL = "a part is not canonical base64url without padding"
        case headerNotObject = "its header is not one JSON object with unique names"
        case payloadNotObject = "its payload is not one JSON object with unique names"
        case algorithm = "its alg is not HS256"
        case critical = "it has a crit header, and no extension is supported"
        case unencodedPayload = "it has a b64 header, which is not supported"
        case type = "its typ is not JWT"
    }

    /// A claim; the raw value says what would be right.
    public enum Claim: String, Sendable {
        case expiry = "exp must be a number: seconds since 1970"
        case lifetime = "exp lies further in the future than this service accepts"
        case notBefore = "nbf must be a number: seconds since 1970"
        case issuedAt = "iat must be a number: seconds since 1970"
        case userID = "user_id must be an integer from 0 to 9007199254740991"
        case enabled = "enabled must be true or false"
        case audience = "aud does not name this service"
        case issuer = "iss is not the issuer that this service trusts"
    }
}
