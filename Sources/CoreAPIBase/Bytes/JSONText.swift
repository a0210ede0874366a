/// A string of a JSON text, as offsets into its bytes; it has been checked to its end.
package struct JSONText {
    /// The bytes between the quotation marks, escape sequences as they stand.
    package let range: Range<Int>
    package let hasEscapes: Bool

    package init(range: Range<Int>, hasEscapes: Bool) {
        self.range = range
        self.hasEscapes = hasEscapes
    }

    /// The string, decoded, for a comparison with names that are known; nil if it is longer.
    package func short(_ bytes: Span<UInt8>) -> ShortText? {
        if hasEscapes {
            let decoded = decoded(bytes)
            return ShortText(0..<decoded.count, of: decoded.span)
        }
        return ShortText(range, of: bytes)
    }

    /// Whether the string, decoded, is this ASCII word.
    package func equals(_ word: String, _ bytes: Span<UInt8>) -> Bool {
        if hasEscapes { return decoded(bytes).elementsEqual(word.utf8) }
        return ASCII.equal(word, range, of: bytes)
    }

    /// The string's UTF-8, escape sequences resolved.
    package func decoded(_ bytes: Span<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            guard bytes[position] == UInt8(ascii: "\\") else {
                decoded.append(bytes[position])
                position += 1
                continue
            }
            let (scalar, end) = JSONText.scalar(at: position, in: bytes)
            decoded.append(contentsOf: Array(String(Character(scalar)).utf8))
            position = end
        }
        return decoded
    }

    /// Checks the escape sequence (RFC 8259 §7) whose backslash is at `position`: where it ends.
    static func endOfEscape(at position: Int, in bytes: Span<UInt8>) throws(JSONError) -> Int {
        guard position + 1 < bytes.count else {
            throw JSONError(reason: .unterminated, offset: position)
        }
        guard bytes[position + 1] == UInt8(ascii: "u") else {
            guard simpleEscape(bytes[position + 1]) != nil else {
                throw JSONError(reason: .escapeInvalid, offset: position)
            }
            return position + 2
        }
        guard let unit = codeUnit(at: position, in: bytes) else {
            throw JSONError(reason: .escapeInvalid, offset: position)
        }
        switch unit {
        case 0xD800...0xDBFF:
            guard let low = codeUnit(at: position + 6, in: bytes), 0xDC00...0xDFFF ~= low else {
                throw JSONError(reason: .surrogateLone, offset: position)
            }
            return position + 12
        case 0xDC00...0xDFFF:
            throw JSONError(reason: .surrogateLone, offset: position)
        default:
            return position + 6
        }
    }

    /// The scalar of a checked escape sequence, and where the sequence ends.
    private static func scalar(at position: Int, in bytes: Span<UInt8>) -> (Unicode.Scalar, Int) {
        if let simple = simpleEscape(bytes[position + 1]) { return (simple, position + 2) }
        guard let unit = codeUnit(at: position, in: bytes) else {
            preconditionFailure("the escape sequence was checked when the string was read")
        }
        if let scalar = Unicode.Scalar(unit) { return (scalar, position + 6) }
        guard let low = codeUnit(at: position + 6, in: bytes),
            let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        else { preconditionFailure("the surrogate pair was checked when the string was read") }
        return (scalar, position + 12)
    }

    /// The four hexadecimal digits of `\uXXXX` at `position`.
    private static func codeUnit(at position: Int, in bytes: Span<UInt8>) -> UInt32? {
        guard position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt32 = 0
        for index in (position + 2)..<(position + 6) {
            guard let digit = ASCII.hexadecimalValue(bytes[index]) else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    private static func simpleEscape(_ byte: UInt8) -> Unicode.Scalar? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): Unicode.Scalar(byte)
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{C}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        default: nil
        }
    }
}
