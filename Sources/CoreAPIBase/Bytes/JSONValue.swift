/// A value of a JSON text, as offsets into its bytes.
package enum JSONValue {
    case object
    /// With the range of the whole array, brackets included.
    case array(Range<Int>)
    case text(JSONText)
    case number(JSONNumber)
    case bool(Bool)
    case null
}

/// A number of a JSON text, as offsets into its bytes; its grammar has been checked.
package struct JSONNumber {
    package let range: Range<Int>
    /// Whether it has neither a fraction nor an exponent.
    package let isInteger: Bool

    /// The value, if it is an integer that is not negative and fits.
    package func nonNegativeInteger(_ bytes: Span<UInt8>) -> Int? {
        isInteger ? Digits.integer(range, of: bytes) : nil
    }

    /// The value as the nearest double; nil if it is beyond the largest.
    package func double(_ bytes: Span<UInt8>) -> Double? {
        if let integer = nonNegativeInteger(bytes), integer < 1 << 53 { return Double(integer) }
        var digits = ""
        for index in range { digits.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        guard let value = Double(digits), value.isFinite else { return nil }
        return value
    }
}

/// Decimal digits as an integer, without sign, white space or overflow.
package enum Digits {
    /// The value of the digits in the range; nil if there is none, another byte, or too many.
    package static func integer(_ range: Range<Int>, of bytes: Span<UInt8>) -> Int? {
        guard !range.isEmpty else { return nil }
        var start = range.lowerBound
        while start < range.upperBound &- 1, bytes[start] == UInt8(ascii: "0") { start &+= 1 }
        // More digits than the largest integer has.
        guard range.upperBound &- start <= 19 else { return nil }
        var value = 0
        for index in start..<range.upperBound {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(Int(digit))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return value
    }
}
