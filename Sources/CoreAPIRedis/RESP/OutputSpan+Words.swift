package import CoreAPIBase

/// Appends words of a command in the Redis protocol, `$4\r\nPING\r\n`, to a buffer with reserved
/// capacity: see `RedisCommand.words`.
extension OutputSpan<UInt8> {
    package mutating func word(_ word: Span<UInt8>) {
        beginWord(count: word.count)
        append(copying: word)
        endWord()
    }

    /// - Parameter number: not negative.
    package mutating func word(decimal number: Int) {
        guard 0..<100_000_000 ~= number else {
            beginWord(count: ASCII.decimalLength(number))
            append(decimal: number)
            return endWord()
        }
        let digits = ASCII.decimalDigits(number)
        let zeros = ASCII.leadingZeros(digits)
        beginWord(count: 8 &- zeros)
        append(eight: digits, droppingFirst: zeros)
        endWord()
    }

    /// A timestamp.
    package mutating func word(_ time: UnixTime) {
        word(count: UnixTime.timestampLength) { time.append(to: &$0) }
    }

    /// - Parameters:
    ///   - count: how many bytes the word has.
    ///   - write: appends them.
    @inlinable @inline(__always)
    package mutating func word(count: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        beginWord(count: count)
        let end = self.count + count
        write(&self)
        precondition(self.count == end, "OutputSpan.word: `count` is not the length of the word")
        endWord()
    }

    /// A kind, a length and the end of its line.
    @usableFromInline package mutating func beginWord(count: Int) {
        guard count >= 100 else {
            // Nearly all words: one store.
            let (tens, ones) = (UInt64(count / 10), UInt64(count % 10))
            let line: EightBytes = tens > 0 ? "   $00\r\n" : "    $0\r\n"
            let digits = tens &<< 32 &+ ones &<< 40
            return append(
                eight: EightBytes(word: line.word &+ digits), droppingFirst: tens > 0 ? 3 : 4)
        }
        append("$")
        append(decimal: count)
        appendLineEnd()
    }

    @usableFromInline package mutating func endWord() { appendLineEnd() }
}
