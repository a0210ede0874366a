/// Comparisons and character classes of single bytes for the grammars of HTTP and JSON.
package enum ASCII {
    /// Whether the bytes of the range equal this word.
    package static func equal(
        _ word: String, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Bool {
        equal(word.utf8.span, range, of: bytes)
    }

    /// Whether the bytes of the range equal these bytes.
    package static func equal(
        _ word: Span<UInt8>, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Bool {
        let count = word.count
        guard range.count == count else { return false }
        var (left, right) = (word, bytes.extracting(range))
        guard count >= 8 else {
            return EightBytes(0..<count, of: left) == EightBytes(0..<count, of: right)
        }
        while left.count > 8, right.count > 8 {
            guard EightBytes(first: left) == EightBytes(first: right) else { return false }
            left = left.extracting(droppingFirst: 8)
            right = right.extracting(droppingFirst: 8)
        }
        // Compares the last eight bytes, some of which may have been compared before.
        return EightBytes(word, at: count &- 8) == EightBytes(bytes, at: range.upperBound &- 8)
    }

    /// The value of a hexadecimal digit in either case; nil for another byte.
    @inline(__always) package static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        if digit <= 9 { return digit }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter <= 5 ? letter &+ 10 : nil
    }

    /// The lowest eight digits of a number in hexadecimal, in lower case.
    @inline(__always) package static func hexadecimalDigits(_ number: UInt64) -> EightBytes {
        // Spreads the digits to one per byte, then converts all bytes to characters at once.
        var spread = number & 0xFFFF_FFFF
        spread = (spread &<< 16 | spread) & 0x0000_FFFF_0000_FFFF
        spread = (spread &<< 8 | spread) & 0x00FF_00FF_00FF_00FF
        spread = (spread &<< 4 | spread) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (spread &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
        let afterDigits = UInt64(UInt8(ascii: "a") - UInt8(ascii: "9") - 1)
        let characters = spread &+ 0x3030_3030_3030_3030 &+ letters &* afterDigits
        return EightBytes(word: characters.byteSwapped)
    }

    /// The eight decimal digits of a number, with zeros before it.
    ///
    /// - Parameter number: 0 to 99,999,999.
    @inline(__always) package static func decimalDigits(_ number: Int) -> EightBytes {
        // Splits the number into halves, pairs and digits, all of a step at once. A division by a
        // constant is a multiplication and a shift, exact for numbers this small.
        let number = UInt64(truncatingIfNeeded: number)
        let halves = number / 10_000 | (number % 10_000) &<< 32
        let hundreds = (halves &* 5_243) &>> 19 & 0x0000_007F_0000_007F
        let pairs = hundreds | (halves &- hundreds &* 100) &<< 16
        let tens = (pairs &* 103) &>> 10 & 0x000F_000F_000F_000F
        let digits = tens | (pairs &- tens &* 10) &<< 8
        return EightBytes(word: digits | 0x3030_3030_3030_3030)
    }

    /// The value of eight decimal digits; nil if a byte is none.
    @inline(__always) package static func decimalValue(_ digits: EightBytes) -> UInt64? {
        let each = digits.word ^ 0x3030_3030_3030_3030
        guard EightBytes(word: each).areBelow(10) else { return nil }
        // Joins digits to pairs, pairs to hundreds, and both halves, all of a step at once.
        let pairs = each &* 10 &+ each &>> 8
        let first = (pairs & 0xFF_0000_00FF) &* (100 | 1_000_000 &<< 32)
        let second = (pairs &>> 16 & 0xFF_0000_00FF) &* (1 | 10_000 &<< 32)
        return (first &+ second) &>> 32
    }

    /// The number of zeros before the number that `decimalDigits` has written: 7 at most.
    @inline(__always) package static func leadingZeros(_ digits: EightBytes) -> Int {
        // The last digit is part of the number, zero or not.
        EightBytes.countBefore(digits.word ^ 0x3030_3030_3030_3030 | 1 &<< 56)
    }

    /// The number of decimal digits.
    ///
    /// - Parameter number: not negative.
    package static func decimalLength(_ number: Int) -> Int {
        var (length, rest) = (1, number)
        while rest >= 10_000 {
            length &+= 4
            rest /= 10_000
        }
        if rest >= 1_000 { return length &+ 3 }
        if rest >= 100 { return length &+ 2 }
        return rest >= 10 ? length &+ 1 : length
    }

    /// The byte with `A` to `Z` made lower case.
    @inlinable package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
