/// Eight bytes of a text, looked at together: rules about single bytes at an eighth of the price.
///
/// The bytes are one number, the first of them its lowest digits. The loads are checked, and the
/// compiler makes one of the eight. The rules are the well-known ones for bytes in a word
/// (Hacker's Delight §6-1): each marks, by its uppermost bit, the first byte for which it holds,
/// perhaps more bytes behind that one, and none if there is none.
package struct EightBytes: Equatable {
    @usableFromInline let word: UInt64

    @inlinable init(word: UInt64) { self.word = word }

    /// The bytes from the position on; they must be there.
    @inlinable @inline(__always) package init(_ bytes: Span<UInt8>, at position: Int) {
        let eight = bytes.extracting(position..<(position &+ 8))
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(eight[index]) &<< UInt64(8 &* index) }
        self.word = word
    }

    /// The first bytes of those that are left, which must be there. If that has just been looked
    /// at, as the condition of a loop, it is not looked at again.
    @inlinable @inline(__always) package init(first bytes: Span<UInt8>) {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[index]) &<< UInt64(8 &* index) }
        self.word = word
    }

    /// A word of at most eight bytes, with zeros behind it.
    @inlinable package init(_ range: Range<Int>, of bytes: Span<UInt8>) {
        let count = range.count
        precondition(count <= 8, "no more than eight bytes are looked at")
        if count > 0, range.lowerBound <= bytes.count &- 8 {
            let unused = UInt64(8 &* (8 &- count))
            word = (EightBytes(bytes, at: range.lowerBound).word &<< unused) &>> unused
            return
        }
        var (word, index): (UInt64, Int) = (0, range.upperBound)
        while index > range.lowerBound {
            index &-= 1
            word = word &<< 8 | UInt64(bytes[index])
        }
        self.word = word
    }

    /// At most eight bytes of a literal, from the position on, with zeros behind them.
    @inlinable @inline(__always) package init(_ literal: StaticString, from position: Int = 0) {
        var word: UInt64 = 0
        for index in 0..<8 where position + index < literal.utf8CodeUnitCount {
            word |= UInt64(literal.byte(at: position + index)) &<< UInt64(8 &* index)
        }
        self.word = word
    }

    /// Marks bytes that are this one.
    @inlinable package func marks(of byte: UInt8) -> UInt64 {
        let other = word ^ EightBytes.each &* UInt64(byte)
        return (other &- EightBytes.each) & ~other & EightBytes.uppermost
    }

    /// Marks bytes that are less than this one, which is at most 128.
    @inlinable package func marks(below byte: UInt8) -> UInt64 {
        (word &- EightBytes.each &* UInt64(byte)) & ~word & EightBytes.uppermost
    }

    /// Whether there is a control character of ASCII, tab and delete among them.
    @inlinable package var hasControls: Bool { marks(below: 0x20) | marks(of: 0x7F) != 0 }

    /// The bytes with another in each place of this one, which is less than 128.
    @inlinable package func replacing(_ byte: UInt8, with other: UInt8) -> EightBytes {
        let rest = word ^ EightBytes.each &* UInt64(byte)
        // No carry goes from one byte to the next: not the first byte alone is exact.
        let seven = ~EightBytes.uppermost
        let marks = ~((rest & seven &+ seven) | rest | seven)
        return EightBytes(word: word ^ (marks &>> 7) &* UInt64(byte ^ other))
    }

    /// Whether all bytes are less than this one, which is at most 128.
    @inlinable package func areBelow(_ byte: UInt8) -> Bool {
        let seven = word & ~EightBytes.uppermost
        return (seven &+ EightBytes.each &* (0x80 - UInt64(byte)) | word) & EightBytes.uppermost
            == 0
    }

    /// Marks bytes that are not ASCII.
    @inlinable package var marksBeyondASCII: UInt64 { word & EightBytes.uppermost }

    /// The bytes with `A` to `Z` made lower case.
    @inlinable package var lowercased: EightBytes {
        let seven = word & ~EightBytes.uppermost
        let afterZ = seven &+ EightBytes.each &* (0x80 - UInt64(UInt8(ascii: "Z")) - 1)
        let fromA = seven &+ EightBytes.each &* (0x80 - UInt64(UInt8(ascii: "A")))
        let capitals = (fromA ^ afterZ) & ~word & EightBytes.uppermost
        return EightBytes(word: word | capitals &>> 2)
    }

    /// How many bytes are before the first that is marked.
    @inlinable package static func countBefore(_ marks: UInt64) -> Int {
        marks.trailingZeroBitCount &>> 3
    }

    @usableFromInline static let each: UInt64 = 0x0101_0101_0101_0101
    @usableFromInline static let uppermost: UInt64 = 0x8080_8080_8080_8080
}
