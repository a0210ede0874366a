/// Why bytes are refused as a key set. No case holds a byte of them.
@nonexhaustive public enum KeySetError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes are more than ``JSONWebKeySet/bytesMax``.
    case tooLarge
    /// The bytes are not one JSON object with unique names, or the set has more than 2,048 values.
    case notObject
    /// The object has no array `keys` (RFC 7517 §5.1).
    case noKeys
    /// The set has more than ``JSONWebKeySet/keysMax`` keys.
    case tooMany
    /// An element of `keys`, from 0, is not a JSON object with unique names.
    case notKey(index: Int)
    /// A key, from 0, has a private member: whoever reads the set can sign.
    case privateKey(index: Int)

    public var description: String {
        switch self {
        case .tooLarge: "it has more than \(JSONWebKeySet.bytesMax) bytes"
        case .notObject: "it is not one JSON object with unique names"
        case .noKeys: "it has no array \"keys\", so it is no JWK Set"
        case .tooMany: "it has more than \(JSONWebKeySet.keysMax) keys"
        case .notKey(let index): "key \(index + 1) is not a JSON object with unique names"
        case .privateKey(let index):
            "key \(index + 1) has a private member: publish public keys alone, and replace this key"
        }
    }
}
