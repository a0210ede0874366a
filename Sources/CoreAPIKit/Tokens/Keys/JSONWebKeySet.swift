internal import CoreAPIBase

/// The public keys of an issuer (RFC 7517 §5), prepared for verification.
///
/// A key that this library does not know, that is not for signatures or that is weak stays in the
/// set without use: ``unusedKeys`` says why. A set with a private key is refused as a whole.
public struct JSONWebKeySet: Sendable {
    /// The largest set, in bytes.
    public static let bytesMax = 65_536
    /// The largest number of keys, used or not.
    public static let keysMax = 100

    /// The number of keys, used or not.
    public let count: Int
    /// The keys that verify no token.
    public let unusedKeys: [UnusedKey]
    let keys: [VerificationKey]

    /// Whether the set has a key that can verify tokens.
    public var hasUsableKey: Bool { !keys.isEmpty }

    /// Parses and prepares the keys of a JWK Set: some 10 µs for each of them.
    public init(parsing bytes: Span<UInt8>) throws(KeySetError) {
        guard bytes.count <= JSONWebKeySet.bytesMax else { throw .tooLarge }
        var array: JSONValue?
        let isObject = TokenObject.read(bytes, escapedNames: .decoded) { name, value in
            if name.equals("keys", bytes) { array = value }
        }
        guard isObject else { throw .notObject }
        guard case .array(let range)? = array else { throw .noKeys }
        let elements = JSONReader.elements(of: range, bytes)
        guard elements.count <= JSONWebKeySet.keysMax else { throw .tooMany }
        var (keys, unused): ([VerificationKey], [UnusedKey]) = ([], [])
        for (index, range) in elements.enumerated() {
            switch try JSONWebKey(bytes.extracting(range), index: index).prepared() {
            case .verification(let key): keys.append(key)
            case .none(let key): unused.append(key)
            }
        }
        count = elements.count
        unusedKeys = unused
        self.keys = keys
    }

    /// Parses and prepares the keys of a JWK Set.
    public init(parsing bytes: [UInt8]) throws(KeySetError) { try self.init(parsing: bytes.span) }

    /// Parses and prepares the keys of a JWK Set in JSON.
    public init(parsing text: String) throws(KeySetError) {
        try self.init(parsing: Array(text.utf8))
    }
}
