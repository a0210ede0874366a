/// A key of a set that verifies no token, with the reason.
public struct UnusedKey: Hashable, Sendable {
    /// The position of the key in the set, from 0.
    public let index: Int
    /// The key's `kid`; nil without one.
    public let keyID: String?
    /// Why the key is not used.
    public let reason: Reason

    /// Why a key is not used. The raw value says it.
    @nonexhaustive public enum Reason: String, Error, Sendable {
        /// RFC 7517 §4.1.
        case type = "its kty is unknown"
        /// RFC 7518 §6.4: secrets do not come out of a key set.
        case symmetric = "it is a symmetric key (oct)"
        /// RFC 7518 §6.2.1.1, RFC 8037 §2.
        case curve = "its crv is unknown"
        /// RFC 7517 §4.4.
        case algorithm = "its alg is unknown or not one of its key type"
        /// RFC 7517 §4.2.
        case use = "its use is not sig"
        /// RFC 7517 §4.3.
        case operations = "its key_ops lacks verify, or has a value twice"
        /// RFC 7517 §4.5.
        case keyID = "its kid is not a string"
        /// RFC 7518 §6, RFC 8037 §2.
        case members = "a member is missing or not canonical base64url"
        /// RFC 7518 §3.3.
        case modulus = "its n is not an odd number of 2048 to 8192 bits"
        /// CVE-2017-15361.
        case weakModulus = "its n has the weakness ROCA: it can be factored"
        /// RFC 8017 §3.1.
        case exponent = "its e is not an odd number above 1 of at most 64 bits"
        /// RFC 7518 §6.2.1.2, RFC 8032 §5.1.3.
        case coordinates = "a coordinate has not the length or the range of its curve"
        /// The point of an EC key is not on its curve.
        case point = "its point is not on its curve"
        /// An Ed25519 key for which anybody can sign.
        case smallOrder = "its point has a small order"
    }
}
