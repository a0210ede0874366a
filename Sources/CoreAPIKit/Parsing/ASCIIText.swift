/// Text that is made of bytes, where a String would be made to be copied at once.
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

    /// Appends the lowest digits of a number in hexadecimal, in lower case.
    package mutating func append(hexadecimal number: UInt64, digits: Int) {
        append(addingCapacity: digits) { $0.append(hexadecimal: number, digits: digits) }
    }
}

/// The same, where the room has been made before: the price of a byte is its store.
extension OutputSpan<UInt8> {
    package mutating func append(text: String) { append(copying: text.utf8.span) }

    /// Appends a number in decimal, with zeros before it up to the width.
    ///
    /// - Parameter number: not negative.
    package mutating func append(decimal number: Int, width: Int = 1) {
        precondition(number >= 0, "a decimal number here has no sign")
        if number < 10, width == 1 { return append(UInt8(ascii: "0") + UInt8(number)) }
        if number < 100, width <= 2 { return append(twoDigits: UInt8(number)) }
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
    private mutating func append(twoDigits number: UInt8) {
        append(UInt8(ascii: "0") + number / 10)
        append(UInt8(ascii: "0") + number % 10)
    }

    /// CR and LF, the end of a line in HTTP and in the protocol of Redis.
    mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }

    /// Appends the lowest digits of a number in hexadecimal, in lower case.
    package mutating func append(hexadecimal number: UInt64, digits: Int) {
        if digits > 8 { append(hexadecimal: number &>> 32, digits: digits &- 8) }
        // One digit in each byte of a word, and then all of them made characters at once.
        var spread = number & 0xFFFF_FFFF
        spread = (spread &<< 16 | spread) & 0x0000_FFFF_0000_FFFF
        spread = (spread &<< 8 | spread) & 0x00FF_00FF_00FF_00FF
        spread = (spread &<< 4 | spread) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (spread &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
        let afterDigits = UInt64(UInt8(ascii: "a") - UInt8(ascii: "9") - 1)
        let characters = spread &+ 0x3030_3030_3030_3030 &+ letters &* afterDigits
        let inOrder = InlineArray<8, UInt8> { index in
            UInt8(truncatingIfNeeded: characters &>> UInt64(56 &- 8 &* index))
        }
        append(copying: inOrder.span.extracting(last: digits))
    }
}
