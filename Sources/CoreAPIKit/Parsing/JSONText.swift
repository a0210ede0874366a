/// A string of a JSON text, as offsets into its bytes; it has been checked to its end.
///
/// Half of a surrogate pair, which an escape sequence may be (RFC 8259 §8.2), is no character. It
/// is decoded to the three bytes that UTF-8 does not allow (U+D800 to U+DFFF as the others of its
/// size), and so is equal to no text that has a meaning.
package struct JSONText {
    /// The bytes between the quotation marks, escape sequences as they stand.
    package let range: Range<Int>
    package let hasEscapes: Bool

    /// The string, decoded, as one word; nil if it has more than eight bytes, and if its escape
    /// sequences stand for others than those of ASCII, or for U+0000.
    @inline(__always) func eightBytes(_ bytes: Span<UInt8>) -> EightBytes? {
        let count = range.upperBound &- range.lowerBound
        if !hasEscapes { return count <= 8 ? EightBytes(range, of: bytes) : nil }
        // The escape sequence of a character has six bytes at most.
        return count <= 8 &* 6 ? eightDecoded(bytes) : nil
    }

    /// Without `Decoder`, which is dearer: the names that are looked for are ASCII.
    @inline(never) private func eightDecoded(_ bytes: Span<UInt8>) -> EightBytes? {
        var rest = bytes.extracting(range)
        var (word, shift) = (UInt64(0), UInt64(0))
        while !rest.isEmpty {
            var (byte, length) = (rest[0], 1)
            if byte == UInt8(ascii: "\\"), rest.count >= 6, rest[1] == UInt8(ascii: "u") {
                guard rest[2] == UInt8(ascii: "0"), rest[3] == UInt8(ascii: "0") else { return nil }
                (byte, length) = (JSONText.digit(rest[4]) &<< 4 | JSONText.digit(rest[5]), 6)
            } else if byte == UInt8(ascii: "\\"), rest.count >= 2 {
                (byte, length) = (JSONText.simpleEscape(rest[1]) ?? 0, 2)
            }
            guard shift < 64, 1..<0x80 ~= byte else { return nil }
            word |= UInt64(byte) &<< shift
            shift &+= 8
            rest = rest.extracting(droppingFirst: length)
        }
        return EightBytes(word: word)
    }

    /// The value of a hexadecimal digit that was checked when the string was read: its last four
    /// bits, and 9 more for a letter, which has the seventh bit.
    @inline(__always) private static func digit(_ byte: UInt8) -> UInt8 {
        byte & 0xF &+ 9 &* (byte &>> 6)
    }

    /// The string, decoded, for a comparison with names that are known; nil if it is longer.
    package func short(_ bytes: Span<UInt8>) -> ShortText? {
        hasEscapes ? shortDecoded(bytes) : ShortText(range, of: bytes)
    }

    /// Whether the string, decoded, is this ASCII word.
    package func equals(_ word: String, _ bytes: Span<UInt8>) -> Bool {
        guard hasEscapes else { return ASCII.equal(word, range, of: bytes) }
        var decoder = Decoder(self)
        for byte in word.utf8 where decoder.next(bytes) != byte { return false }
        return decoder.next(bytes) == nil
    }

    /// The string's UTF-8, escape sequences resolved.
    package func decoded(_ bytes: Span<UInt8>) -> [UInt8] {
        [UInt8](capacity: range.count) { place in
            var decoder = Decoder(self)
            while let byte = decoder.next(bytes) { place.append(byte) }
        }
    }

    /// The same, if it has such bytes alone: it is decoded no further than to the first other one.
    func decoded(_ bytes: Span<UInt8>, where isTaken: (UInt8) -> Bool) -> [UInt8]? {
        var isWhole = true
        let decoded = [UInt8](capacity: range.count) { place in
            var decoder = Decoder(self)
            while isWhole, let byte = decoder.next(bytes) {
                isWhole = isTaken(byte)
                place.append(byte)
            }
        }
        return isWhole ? decoded : nil
    }

    /// As `short`, in place: a name that nobody knows is to cost no allocation.
    private func shortDecoded(_ bytes: Span<UInt8>) -> ShortText? {
        var place = InlineArray<24, UInt8>(repeating: 0)
        var (decoder, count) = (Decoder(self), 0)
        while let byte = decoder.next(bytes) {
            guard count < place.count else { return nil }
            place[count] = byte
            count &+= 1
        }
        return ShortText(0..<count, of: place.span)
    }

    // MARK: - Escape sequences

    /// The bytes of a string one after another, escape sequences resolved.
    struct Decoder {
        private var position: Int
        private let end: Int
        /// What is left of a sequence, the next byte lowest: none of them is 0.
        private var rest: UInt32 = 0

        init(_ text: JSONText) {
            position = text.range.lowerBound
            end = text.range.upperBound
        }

        /// - Parameter bytes: those that the text was read from.
        @inline(__always) mutating func next(_ bytes: Span<UInt8>) -> UInt8? {
            if rest != 0 {
                let byte = UInt8(truncatingIfNeeded: rest)
                rest &>>= 8
                return byte
            }
            guard position < end else { return nil }
            let byte = bytes[position]
            guard byte == UInt8(ascii: "\\") else {
                position &+= 1
                return byte
            }
            let kind = bytes[position &+ 1]
            if kind == UInt8(ascii: "u") { return nextOfScalar(bytes) }
            position &+= 2
            return JSONText.simpleEscape(kind)
        }

        /// The first byte of `\uXXXX`, or of two of them that are a surrogate pair.
        private mutating func nextOfScalar(_ bytes: Span<UInt8>) -> UInt8 {
            let unit = checkedCodeUnit(bytes)
            if unit < 0x80 { return UInt8(truncatingIfNeeded: unit) }
            guard 0xD800...0xDBFF ~= unit, position < end,
                let low = JSONText.codeUnit(at: position, in: bytes), 0xDC00...0xDFFF ~= low
            else { return begin(unit) }
            position &+= 6
            return begin(0x10000 &+ (unit &- 0xD800) &<< 10 &+ (low &- 0xDC00))
        }

        /// The four digits of `\uXXXX`, which were checked when the string was read.
        @inline(__always) private mutating func checkedCodeUnit(_ bytes: Span<UInt8>) -> UInt32 {
            let four = bytes.extracting((position &+ 2)..<(position &+ 6))
            var unit: UInt32 = 0
            for index in 0..<4 {
                unit = unit &<< 4 | UInt32(JSONText.digit(four[index]))
            }
            position &+= 6
            return unit
        }

        /// The first byte of a scalar that is no ASCII; the others are left for `next`
        /// (RFC 3629 §3).
        private mutating func begin(_ scalar: UInt32) -> UInt8 {
            let continuation = { (shift: UInt32) in 0x80 | (scalar &>> shift & 0x3F) }
            if scalar < 0x800 {
                rest = continuation(0)
                return UInt8(truncatingIfNeeded: 0xC0 | scalar &>> 6)
            }
            if scalar < 0x10000 {
                rest = continuation(6) | continuation(0) &<< 8
                return UInt8(truncatingIfNeeded: 0xE0 | scalar &>> 12)
            }
            rest = continuation(12) | continuation(6) &<< 8 | continuation(0) &<< 16
            return UInt8(truncatingIfNeeded: 0xF0 | scalar &>> 18)
        }
    }

    /// The four hexadecimal digits of `\uXXXX` at `position`; nil for anything else.
    @inline(__always) static func codeUnit(at position: Int, in bytes: Span<UInt8>) -> UInt32? {
        guard position &+ 6 <= bytes.count else { return nil }
        let six = bytes.extracting(position..<(position &+ 6))
        guard six[0] == UInt8(ascii: "\\"), six[1] == UInt8(ascii: "u"),
            let first = ASCII.hexadecimalValue(six[2]), let second = ASCII.hexadecimalValue(six[3]),
            let third = ASCII.hexadecimalValue(six[4]), let fourth = ASCII.hexadecimalValue(six[5])
        else { return nil }
        return UInt32(first) &<< 12 | UInt32(second) &<< 8 | UInt32(third) &<< 4 | UInt32(fourth)
    }

    /// Whether the four bytes from the position on are hexadecimal digits.
    @inline(__always) static func isCodeUnit(at position: Int, in bytes: Span<UInt8>) -> Bool {
        guard position &+ 4 <= bytes.count else { return false }
        let four = bytes.extracting(position..<(position &+ 4))
        var isHexadecimal = true
        for index in 0..<4 {
            let byte = four[index]
            let isDigit = byte &- UInt8(ascii: "0") <= 9
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") <= 5
            isHexadecimal = isHexadecimal && (isDigit || isLetter)
        }
        return isHexadecimal
    }

    /// What a backslash and this byte stand for; nil if they are no escape sequence.
    @inline(__always) static func simpleEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }
}
