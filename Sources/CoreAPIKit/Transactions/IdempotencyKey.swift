/// A caller's name for one transaction, by which the service recognizes a retry
/// (draft-ietf-httpapi-idempotency-key-header-07).
///
/// A key has 1 to 255 visible ASCII characters. It is scoped to the token's user: two users may
/// choose the same key.
public struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    /// The bounds of a key's length, in characters.
    public static let lengthBounds = 1...255
    /// The lifetime of a key's record, in seconds: 24 hours.
    public static let lifetime = Duration.seconds(lifetimeSeconds)
    package static let lifetimeSeconds = 86_400

    /// The key itself, without quotes.
    public let description: String

    /// A key; nil if the text is empty, too long, or has a character that is not visible ASCII.
    public init?(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    /// Parses the value of an `Idempotency-Key` field: a structured-field String (RFC 8941 §3.3.3),
    /// `"key"` with the escapes `\"` and `\\`, or the bare key. Nil for any other value.
    public init?(fieldValue value: String) {
        let bytes = Array(value.utf8)
        self.init(field: bytes.indices, bytes.span)
    }

    /// Parses the field's value in the bytes of a request.
    package init?(field: Range<Int>, _ bytes: Span<UInt8>) {
        guard let first = field.first, bytes[first] == IdempotencyKey.quote else {
            self.init(bytes: field.map { bytes[$0] })
            return
        }
        var key: [UInt8] = []
        var index = field.lowerBound + 1
        while index < field.upperBound, bytes[index] != IdempotencyKey.quote {
            if bytes[index] == IdempotencyKey.backslash {
                index += 1
                guard index < field.upperBound, IdempotencyKey.isEscaped(bytes[index]) else {
                    return nil
                }
            }
            key.append(bytes[index])
            index += 1
        }
        // The closing quote must be the last byte.
        guard index == field.upperBound - 1 else { return nil }
        self.init(bytes: key)
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    private static func isEscaped(_ byte: UInt8) -> Bool { byte == quote || byte == backslash }

    private init?(bytes: [UInt8]) {
        guard IdempotencyKey.lengthBounds.contains(bytes.count),
            bytes.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        description = String(decoding: bytes, as: UTF8.self)
    }
}
