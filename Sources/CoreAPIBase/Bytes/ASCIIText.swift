/// Appends text to bytes directly, without an intermediate `String`.
extension [UInt8] {
    package mutating func append(text: String) { append(contentsOf: text.utf8) }

    /// Appends a number in decimal, with zeros before it up to the width.
    ///
    /// - Parameter number: not negative.
    package mutating func append(decimal number: Int, width: Int = 1) {
        append(addingCapacity: Swift.max(ASCII.decimalLength(number), width)) {
            $0.append(decimal: number, width: width)
        }
    }

    /// Appends a number of thousandths in decimal, with three digits of fraction.
    ///
    /// - Parameter number: not negative.
    package mutating func append(thousandths number: Int) {
        append(decimal: number / 1_000)
        append(UInt8(ascii: "."))
        append(decimal: number % 1_000, width: 3)
    }
}

/// The same for a buffer with reserved capacity: an append is a store, without a capacity check per
/// byte.
extension OutputSpan<UInt8> {
    package mutating func append(text: String) { append(copying: text.utf8.span) }

    /// Appends a number in decimal, with zeros before it up to the width.
    ///
    /// - Parameter number: not negative.
    package mutating func append(decimal number: Int, width: Int = 1) {
        precondition(number >= 0, "OutputSpan.append(decimal:): the number is negative")
        if number < 10, width == 1 { return append(UInt8(ascii: "0") + UInt8(number)) }
        if number < 100, width <= 2, number >= 10 || width == 2 {
            return append(twoDigits: number)
        }
        if number < 1_000, width == 1 {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 100))
            return append(twoDigits: number % 100)
        }
        if number < 10_000, width == 4 {
            append(twoDigits: number / 100)
            return append(twoDigits: number % 100)
        }
        var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
        var start = digits.count
        var rest = UInt64(number)
        while rest > 0 {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        append(copying: digits.span.extracting(last: max(digits.count - start, width)))
    }

    /// - Parameter number: less than 100.
    private mutating func append(twoDigits number: Int) {
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 10))
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10))
    }

    /// Appends CR and LF, the line end of HTTP and of the Redis protocol.
    package mutating func appendLineEnd() { append("\r\n") }

    /// Appends the lowest digits of a number in hexadecimal, in lower case.
    package mutating func append(hexadecimal number: UInt64, digits: Int) {
        if digits > 8 { append(hexadecimal: number &>> 32, digits: digits &- 8) }
        let eight = ASCII.hexadecimalDigits(number)
        if digits >= 8 { return append(eight: eight) }
        for index in (8 - digits)..<8 { append(eight[index]) }
    }
}
