/// Comparisons and classes of single bytes, as the grammars of HTTP and JSON use them.
package enum ASCII {
    /// Whether the bytes of the range are this word.
    package static func equal(
        _ word: String, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Bool {
        let word = word.utf8.span
        guard range.count == word.count else { return false }
        for index in word.indices where bytes[range.lowerBound + index] != word[index] {
            return false
        }
        return true
    }

    /// The value of a hexadecimal digit of either case.
    package static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// How many digits the number has in decimal.
    ///
    /// - Parameter number: not negative.
    static func decimalLength(_ number: Int) -> Int {
        var (length, rest) = (1, number / 10)
        while rest > 0 {
            length += 1
            rest /= 10
        }
        return length
    }

    /// The byte with `A` to `Z` made lower case.
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
