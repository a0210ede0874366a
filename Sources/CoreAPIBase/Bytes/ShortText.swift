/// A text of at most 24 bytes as three words, so that a comparison is one of words. Field
/// names, member names and other grammar words use it. The compiler turns literals into the same
/// words.
package struct ShortText: Equatable, ExpressibleByStringLiteral {
    /// The longest text, in bytes.
    @inlinable package static var bytesMax: Int { 24 }

    package let count: Int
    @usableFromInline package let first: EightBytes
    @usableFromInline package let second: EightBytes
    @usableFromInline let third: EightBytes

    /// Nil if the range has more than `bytesMax` bytes.
    @inlinable package init?(_ range: Range<Int>, of bytes: Span<UInt8>) {
        count = range.count
        guard count <= ShortText.bytesMax else { return nil }
        let (start, end) = (range.lowerBound, range.upperBound)
        first = EightBytes(start..<min(end, start &+ 8), of: bytes)
        guard count > 8 else {
            (second, third) = (EightBytes(word: 0), EightBytes(word: 0))
            return
        }
        second = EightBytes(min(end, start &+ 8)..<min(end, start &+ 16), of: bytes)
        third = EightBytes(min(end, start &+ 16)..<end, of: bytes)
    }

    /// Creates a grammar word. A literal of more than 24 bytes traps at its first use.
    @inlinable @inline(__always) package init(stringLiteral word: StaticString) {
        count = word.utf8CodeUnitCount
        precondition(
            count <= ShortText.bytesMax, "ShortText.init: the literal has more than 24 bytes")
        first = EightBytes(word, from: 0)
        second = EightBytes(word, from: 8)
        third = EightBytes(word, from: 16)
    }

    /// Creates a word at run time, to be kept for later comparisons.
    ///
    /// - Parameter text: at most 24 bytes.
    package init(_ text: String) {
        let bytes = Array(text.utf8)
        guard let short = ShortText(0..<bytes.count, of: bytes.span) else {
            preconditionFailure("ShortText.init: the text has more than 24 bytes")
        }
        self = short
    }

    @inlinable package init(count: Int, first: EightBytes, second: EightBytes, third: EightBytes) {
        (self.count, self.first, self.second, self.third) = (count, first, second, third)
    }

    // Written out, since what the compiler derives is not inlined in other modules.
    @inlinable package static func == (left: ShortText, right: ShortText) -> Bool {
        left.count == right.count && left.first == right.first && left.second == right.second
            && left.third == right.third
    }

    /// Whether the range equals this text, which is in lower case, ignoring case.
    package func equalsIgnoringCase(_ range: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        let (start, end) = (range.lowerBound, range.upperBound)
        guard range.count == count,
            EightBytes(start..<min(end, start &+ 8), of: bytes).lowercased == first
        else { return false }
        guard count > 8 else { return true }
        guard
            EightBytes((start &+ 8)..<min(end, start &+ 16), of: bytes).lowercased == second
        else { return false }
        return count <= 16 || EightBytes((start &+ 16)..<end, of: bytes).lowercased == third
    }

    /// The text with `A` to `Z` made lower case.
    @inlinable package var lowercased: ShortText {
        ShortText(
            count: count, first: first.lowercased, second: second.lowercased,
            third: third.lowercased)
    }
}
