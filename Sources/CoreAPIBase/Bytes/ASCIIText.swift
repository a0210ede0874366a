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

    /// Appends a number in decimal.
    ///
    /// - Parameter number: not negative.
    package mutating func append(decimal number: Int) {
        guard 0..<100_000_000 ~= number else { return append(decimal: number, width: 1) }
        let digits = ASCII.decimalDigits(number)
        append(eight: digits, droppingFirst: ASCII.leadingZeros(digits))
    }

    /// The same, with zeros before the number up to the width.
    package mutating func append(decimal number: Int, width: Int) {
        precondition(number >= 0, "OutputSpan.append(decimal:): the number is negative")
        guard number < 100_000_000, width <= 8 else {
            append(decimal: number / 100_000_000, width: max(width - 8, 1))
            return append(eight: ASCII.decimalDigits(number % 100_000_000))
        }
        let digits = ASCII.decimalDigits(number)
        append(eight: digits, droppingFirst: min(ASCII.leadingZeros(digits), 8 - width))
    }

    /// Appends CR and LF, the line end of HTTP and of the Redis protocol.
    package mutating func appendLineEnd() { append("\r\n") }

    /// Appends the lowest digits of a number in hexadecimal, in lower case.
    package mutating func append(hexadecimal number: UInt64, digits: Int) {
        if digits == 16 {
            return append(eights: [
                ASCII.hexadecimalDigits(number &>> 32), ASCII.hexadecimalDigits(number),
            ])
        }
        if digits > 8 {
            append(hexadecimal: number &>> 32, digits: digits &- 8)
        }
        let eight = ASCII.hexadecimalDigits(number)
        if digits >= 8 { return append(eight: eight) }
        append(eight: eight, droppingFirst: 8 - digits)
    }
}
