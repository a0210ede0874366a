internal import CoreAPIBase

/// A transaction's identity: a random UUID (version 4, RFC 9562 §5.4), in lower case as text.
public struct TransactionID: Hashable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// A new random identity from the system's generator.
    public static func random() -> TransactionID {
        var generator = SystemRandomNumberGenerator()
        return TransactionID(high: generator.next(), low: generator.next())
    }

    /// The identity with these 128 bits, six of which the version and the variant overwrite.
    public init(high: UInt64, low: UInt64) {
        self.high = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        self.low = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    /// Parses a UUID of version 4 in lower case; nil for any other text.
    public init?(_ text: String) {
        self.init(queued: text)
        guard self == TransactionID(high: high, low: low) else { return nil }
    }

    /// Parses the identity of a queued transaction: a UUID in lower case of any version, since
    /// another build may use another version.
    init?(queued text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == TransactionID.textLength else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for byte in bytes where byte != UInt8(ascii: "-") {
            guard let digit = ASCII.hexadecimalValue(byte) else { return nil }
            words.high = words.high << 4 | words.low >> 60
            words.low = words.low << 4 | UInt64(digit)
        }
        (high, low) = words
        // Refuse misplaced hyphens and capitals.
        guard utf8 == bytes else { return nil }
    }

    /// The length of the text, in characters.
    package static let textLength = 36

    /// `f47ac10b-58cc-4372-a567-0e02b2c3d479`.
    public var description: String { String(decoding: utf8, as: UTF8.self) }

    /// The text's 36 bytes.
    package var utf8: [UInt8] {
        [UInt8](capacity: TransactionID.textLength) { append(to: &$0) }
    }

    /// Appends the text's 36 bytes, eight at once: `aaaaaaaa -bbbb-bb bb-cccc- ccccdddd dddd`.
    package func append(to text: inout OutputSpan<UInt8>) {
        let a = ASCII.hexadecimalDigits(high &>> 32)
        let b = ASCII.hexadecimalDigits(high).word
        let c = ASCII.hexadecimalDigits(low &>> 32).word
        let d = ASCII.hexadecimalDigits(low)
        let hyphen = UInt64(UInt8(ascii: "-"))
        let (bStart, bEnd, cStart) = (b & 0xFFFF_FFFF, b &>> 32, c & 0xFFFF_FFFF)
        text.append(eights: [
            a,
            EightBytes(word: hyphen | bStart &<< 8 | hyphen &<< 40 | bEnd &<< 48),
            EightBytes(word: bEnd &>> 16 | hyphen &<< 16 | cStart &<< 24 | hyphen &<< 56),
            EightBytes(word: c &>> 32 | d.word &<< 32),
        ])
        text.append(eight: d, droppingFirst: 4)
    }
}
