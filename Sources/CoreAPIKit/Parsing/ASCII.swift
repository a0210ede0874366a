/// Comparisons and classes of single bytes, as the grammars of HTTP and JSON use them.
package enum ASCII {
    /// Whether the bytes of the range are this word.
    package static func equal(
        _ word: String, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Bool {
        equal(word.utf8.span, range, of: bytes)
    }

    /// Whether the bytes of the range are these.
    package static func equal(
        _ word: Span<UInt8>, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Bool {
        guard range.count == word.count else { return false }
        var index = 0
        while index &+ 8 <= word.count {
            guard
                EightBytes(word, at: index) == EightBytes(bytes, at: range.lowerBound &+ index)
            else { return false }
            index &+= 8
        }
        return EightBytes(index..<word.count, of: word)
            == EightBytes((range.lowerBound &+ index)..<range.upperBound, of: bytes)
    }

    /// The first position of the byte in the range.
    package static func find(
        _ byte: UInt8, _ range: Range<Int>, of bytes: Span<UInt8>
    ) -> Int? {
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let marks = EightBytes(bytes, at: index).marks(of: byte)
            if marks != 0 { return index &+ EightBytes.countBefore(marks) }
            index &+= 8
        }
        while index < range.upperBound {
            if bytes[index] == byte { return index }
            index &+= 1
        }
        return nil
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
    package static func decimalLength(_ number: Int) -> Int {
        var (length, bound) = (1, 10)
        while number >= bound, length < 19 {
            length += 1
            bound = length < 19 ? bound * 10 : .max
        }
        return length
    }

    /// The byte with `A` to `Z` made lower case.
    @inlinable package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
