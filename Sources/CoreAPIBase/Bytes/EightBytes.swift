/// Eight bytes of a text, tested together: one test costs an eighth of eight tests of single bytes.
///
/// The word holds the bytes in little-endian order. The loads are bounds-checked, and the compiler
/// merges the eight loads into one. The tests are the known tricks for bytes in a word (Hacker's
/// Delight §6-1). Each test sets the top bit of the first byte that matches. Bytes after it may be
/// marked as well. The result is 0 if no byte matches.
@usableFromInline
package struct EightBytes: Equatable, ExpressibleByStringLiteral, Sendable {
    @usableFromInline package let word: UInt64

    @inlinable package init(word: UInt64) { self.word = word }

    // Written out, since what the compiler derives is not inlined in other modules.
    @inlinable package static func == (left: EightBytes, right: EightBytes) -> Bool {
        left.word == right.word
    }

    /// Matches a `case` of a `switch`.
    @inlinable package static func ~= (pattern: EightBytes, value: EightBytes) -> Bool {
        pattern.word == value.word
    }

    /// Loads the eight bytes from `position` on; traps beyond the end.
    @inlinable @inline(__always) package init(_ bytes: Span<UInt8>, at position: Int) {
        let eight = bytes.extracting(position..<(position &+ 8))
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(eight[index]) &<< UInt64(8 &* index) }
        self.word = word
    }

    /// Loads the first eight bytes; traps if there are fewer. A loop condition on the count lets
    /// the compiler remove the bounds checks.
    @inlinable @inline(__always) package init(first bytes: Span<UInt8>) {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[index]) &<< UInt64(8 &* index) }
        self.word = word
    }

    /// Loads a range of at most eight bytes, padded with zeros.
    @inlinable package init(_ range: Range<Int>, of bytes: Span<UInt8>) {
        let count = range.count
        precondition(count <= 8, "EightBytes.init: the range has more than eight bytes")
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

    /// Loads at most eight bytes of a literal from `position` on, padded with zeros.
    @inlinable @inline(__always) package init(_ literal: StaticString, from position: Int = 0) {
        var word: UInt64 = 0
        for index in 0..<8 where position + index < literal.utf8CodeUnitCount {
            word |= UInt64(literal.byte(at: position + index)) &<< UInt64(8 &* index)
        }
        self.word = word
    }

    /// Creates a grammar word. A literal of more than eight bytes traps at its first use.
    @inlinable @inline(__always) package init(stringLiteral word: StaticString) {
        precondition(
            word.utf8CodeUnitCount <= 8, "EightBytes.init: the literal has more than eight bytes")
        self.init(word, from: 0)
    }

    /// One of the eight bytes.
    @inlinable package subscript(index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: word &>> UInt64(8 &* index))
    }

    /// Marks the bytes equal to `byte`.
    @inlinable package func marks(of byte: UInt8) -> UInt64 {
        let other = word ^ EightBytes.each &* UInt64(byte)
        return (other &- EightBytes.each) & ~other & EightBytes.uppermost
    }

    /// Marks the bytes less than `byte`, which is at most 128.
    @inlinable package func marks(below byte: UInt8) -> UInt64 {
        (word &- EightBytes.each &* UInt64(byte)) & ~word & EightBytes.uppermost
    }

    /// Whether a byte is an ASCII control character, tab and delete included.
    @inlinable package var hasControls: Bool { marks(below: 0x20) | marks(of: 0x7F) != 0 }

    /// The bytes with `other` in place of each `byte`, which is less than 128.
    @inlinable package func replacing(_ byte: UInt8, with other: UInt8) -> EightBytes {
        let rest = word ^ EightBytes.each &* UInt64(byte)
        // No carry crosses a byte, so every mark is exact, not only the first.
        let seven = ~EightBytes.uppermost
        let marks = ~((rest & seven &+ seven) | rest | seven)
        return EightBytes(word: word ^ (marks &>> 7) &* UInt64(byte ^ other))
    }

    /// Whether all bytes are less than `byte`, which is at most 128.
    @inlinable package func areBelow(_ byte: UInt8) -> Bool {
        let seven = word & ~EightBytes.uppermost
        return (seven &+ EightBytes.each &* (0x80 - UInt64(byte)) | word) & EightBytes.uppermost
            == 0
    }

    /// The bytes with `A` to `Z` made lower case.
    @inlinable package var lowercased: EightBytes {
        let seven = word & ~EightBytes.uppermost
        let afterZ = seven &+ EightBytes.each &* (0x80 - UInt64(UInt8(ascii: "Z")) - 1)
        let fromA = seven &+ EightBytes.each &* (0x80 - UInt64(UInt8(ascii: "A")))
        let capitals = (fromA ^ afterZ) & ~word & EightBytes.uppermost
        return EightBytes(word: word | capitals &>> 2)
    }

    /// The number of bytes before the first marked byte.
    @inlinable package static func countBefore(_ marks: UInt64) -> Int {
        marks.trailingZeroBitCount &>> 3
    }

    @inlinable package static var each: UInt64 { 0x0101_0101_0101_0101 }
    @inlinable package static var uppermost: UInt64 { 0x8080_8080_8080_8080 }
}
