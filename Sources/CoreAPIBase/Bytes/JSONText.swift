/// A string of a JSON text, as offsets into its bytes. The reader has checked its grammar.
///
/// An escape sequence may be half of a surrogate pair (RFC 8259 §8.2), which is no character. It is
/// decoded to the three bytes of U+D800 to U+DFFF, which UTF-8 forbids. The decoded string
/// therefore equals no valid text.
package struct JSONText {
    /// The bytes between the quotation marks, with escape sequences not decoded.
    package let range: Range<Int>
    package let hasEscapes: Bool

    /// The decoded string as one word. Nil if it has more than eight bytes, or if an escape
    /// sequence decodes to a non-ASCII character or U+0000.
    @inlinable @inline(__always) package func eightBytes(_ bytes: Span<UInt8>) -> EightBytes? {
        let count = range.upperBound &- range.lowerBound
        if !hasEscapes { return count <= 8 ? EightBytes(range, of: bytes) : nil }
        // An escape sequence has at most six bytes.
        return count <= 8 &* 6 ? eightDecoded(bytes) : nil
    }

    /// Avoids `Decoder`, which costs more: the names compared with are ASCII.
    @inline(never) @usableFromInline func eightDecoded(_ bytes: Span<UInt8>) -> EightBytes? {
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

    /// The value of a hexadecimal digit that the reader has checked: its low four bits, plus 9 for
    /// a letter (bit 6 set).
    @inline(__always) private static func digit(_ byte: UInt8) -> UInt8 {
        byte & 0xF &+ 9 &* (byte &>> 6)
    }

    /// The decoded string, for a comparison with known names; nil if it has more than
    /// `ShortText.bytesMax` bytes.
    package func short(_ bytes: Span<UInt8>) -> ShortText? {
        hasEscapes ? shortDecoded(bytes) : ShortText(range, of: bytes)
    }

    /// Whether the decoded string equals this ASCII word.
    package func equals(_ word: String, _ bytes: Span<UInt8>) -> Bool {
        guard hasEscapes else { return ASCII.equal(word, range, of: bytes) }
        var decoder = Decoder(self)
        for byte in word.utf8 where decoder.next(bytes) != byte { return false }
        return decoder.next(bytes) == nil
    }

    /// The decoded string in UTF-8.
    package func decoded(_ bytes: Span<UInt8>) -> [UInt8] {
        [UInt8](capacity: range.count) { output in
            var decoder = Decoder(self)
            while true {
                output.append(copying: bytes.extracting(decoder.plain(bytes)))
                guard let byte = decoder.next(bytes) else { break }
                output.append(byte)
            }
        }
    }

    /// Decodes for `short` without an allocation, since unknown names are common.
    private func shortDecoded(_ bytes: Span<UInt8>) -> ShortText? {
        var output = InlineArray<24, UInt8>(repeating: 0)
        var (decoder, count) = (Decoder(self), 0)
        while let byte = decoder.next(bytes) {
            guard count < output.count else { return nil }
            output[count] = byte
            count &+= 1
        }
        return ShortText(0..<count, of: output.span)
    }

    // MARK: - Escape sequences

    /// Iterates over the bytes of the decoded string.
    struct Decoder {
        private var position: Int
        private let end: Int
        /// The remaining bytes of a UTF-8 sequence, the next byte lowest. No remaining byte is 0.
        private var rest: UInt32 = 0

        init(_ text: JSONText) {
            position = text.range.lowerBound
            end = text.range.upperBound
        }

        /// Passes over what stands for itself, up to the next escape sequence.
        mutating func plain(_ bytes: Span<UInt8>) -> Range<Int> {
            let start = position
            guard rest == 0, start < end, bytes[start] != UInt8(ascii: "\\") else {
                return start..<start
            }
            position = ASCII.find(UInt8(ascii: "\\"), start..<end, of: bytes) ?? end
            return start..<position
        }

        /// - Parameter bytes: the bytes that the string was read from.
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

        /// Decodes `\uXXXX`, or two of them that form a surrogate pair, and returns the first byte.
        private mutating func nextOfScalar(_ bytes: Span<UInt8>) -> UInt8 {
            let unit = checkedCodeUnit(bytes)
            if unit < 0x80 { return UInt8(truncatingIfNeeded: unit) }
            guard 0xD800...0xDBFF ~= unit, position < end,
                let low = JSONText.codeUnit(at: position, in: bytes), 0xDC00...0xDFFF ~= low
            else { return begin(unit) }
            position &+= 6
            return begin(0x10000 &+ (unit &- 0xD800) &<< 10 &+ (low &- 0xDC00))
        }

        /// The code unit of `\uXXXX`. The reader has checked the four digits.
        @inline(__always) private mutating func checkedCodeUnit(_ bytes: Span<UInt8>) -> UInt32 {
            let four = bytes.extracting((position &+ 2)..<(position &+ 6))
            var unit: UInt32 = 0
            for index in 0..<4 {
                unit = unit &<< 4 | UInt32(JSONText.digit(four[index]))
            }
            position &+= 6
            return unit
        }

        /// The first UTF-8 byte of a non-ASCII scalar; `rest` holds the other bytes (RFC 3629 §3).
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

    /// The code unit of `\uXXXX` at `position`; nil if no such escape sequence starts there.
    @inline(__always) static func codeUnit(at position: Int, in bytes: Span<UInt8>) -> UInt32? {
        guard position &+ 6 <= bytes.count else { return nil }
        let six = bytes.extracting(position..<(position &+ 6))
        guard six[0] == UInt8(ascii: "\\"), six[1] == UInt8(ascii: "u"),
            let first = ASCII.hexadecimalValue(six[2]), let second = ASCII.hexadecimalValue(six[3]),
            let third = ASCII.hexadecimalValue(six[4]), let fourth = ASCII.hexadecimalValue(six[5])
        else { return nil }
        return UInt32(first) &<< 12 | UInt32(second) &<< 8 | UInt32(third) &<< 4 | UInt32(fourth)
    }

    /// Whether four hexadecimal digits start at `position`.
    @inline(__always) static func isCodeUnit(at position: Int, in bytes: Span<UInt8>) -> Bool {
        guard position &+ 4 <= bytes.count else { return false }
        let four = bytes.extracting(position..<(position &+ 4))
        for index in 0..<4 where ASCII.hexadecimalValue(four[index]) == nil { return false }
        return true
    }

    /// The character of a backslash followed by this byte; nil if the two are no escape sequence.
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
