/// Text that is made of bytes, where a String would be made to be copied at once.
extension [UInt8] {
    package mutating func append(text: String) { append(contentsOf: text.utf8) }

    /// Appends a number in decimal, with zeros before it up to the width.
    ///
    /// - Parameter number: not negative.
    package mutating func append(decimal number: Int, width: Int = 1) {
        precondition(number >= 0, "a decimal number here has no sign")
        if number < 10, width == 1 { return append(UInt8(ascii: "0") + UInt8(number)) }
        var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
        var start = digits.count
        var rest = UInt64(number)
        while rest > 0 {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        for index in Swift.min(start, digits.count - width)..<digits.count {
            append(digits[index])
        }
    }

    /// Appends the lowest digits of a number in hexadecimal, in lower case.
    package mutating func append(hexadecimal number: UInt64, digits: Int) {
        for position in 0..<digits {
            let shift = UInt64(4 * (digits - 1 - position))
            let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
            append(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
        }
    }
}
