/// A value of a JSON text, as offsets into its bytes.
package enum JSONValue {
    case object
    /// The associated range covers the whole array, brackets included.
    case array(Range<Int>)
    case text(JSONText)
    case number(JSONNumber)
    case bool(Bool)
    case null
}

/// A number of a JSON text, as offsets into its bytes. The reader has checked its grammar.
package struct JSONNumber {
    package let range: Range<Int>
    /// Whether the number has neither a fraction nor an exponent.
    package let isInteger: Bool

    /// The value of a non-negative integer; nil for any other number, or if it overflows `Int`.
    package func nonNegativeInteger(_ bytes: Span<UInt8>) -> Int? {
        isInteger ? Digits.integer(range, of: bytes) : nil
    }

    /// The value as the nearest `Double`; nil if it is not finite.
    package func double(_ bytes: Span<UInt8>) -> Double? {
        if let integer = nonNegativeInteger(bytes), integer < 1 << 53 { return Double(integer) }
        var digits = ""
        for index in range { digits.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        guard let value = Double(digits), value.isFinite else { return nil }
        return value
    }
}

/// Parses decimal digits, without a sign, white space or overflow.
package enum Digits {
    /// The value of the digits in the range; nil if the range is empty, has another byte, or
    /// overflows `Int`.
    package static func integer(_ range: Range<Int>, of bytes: Span<UInt8>) -> Int? {
        guard !range.isEmpty else { return nil }
        var digits = bytes.extracting(range)
        // `Int.max` has 19 digits, and any 19 digits fit into 64 bits.
        while digits.count > 19 {
            guard digits[0] == UInt8(ascii: "0") else { return nil }
            digits = digits.extracting(droppingFirst: 1)
        }
        var value: UInt64 = 0
        while digits.count >= 8 {
            guard let eight = ASCII.decimalValue(EightBytes(first: digits)) else { return nil }
            value = value &* 100_000_000 &+ eight
            digits = digits.extracting(droppingFirst: 8)
        }
        for index in digits.indices {
            let digit = digits[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return Int(exactly: value)
    }

    /// The same, but `Int.max` for digits that overflow: as HTTP has it for seconds and lengths
    /// (RFC 9111 §1.2.2). Nil if the range is empty or has another byte.
    package static func clampedInteger(_ range: Range<Int>, of bytes: Span<UInt8>) -> Int? {
        guard !range.isEmpty else { return nil }
        for index in range where bytes[index] &- UInt8(ascii: "0") > 9 { return nil }
        return integer(range, of: bytes) ?? .max
    }
}
