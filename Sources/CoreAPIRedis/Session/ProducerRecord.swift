internal import CoreAPIBase

/// A confirmed message as the history keeps it, in bytes:
///
///     0   number, position                            8 bytes each
///     16  bytes of its keys, bytes of its words       4 each
///     24  number of keys, number of words             2 each
///     28  traits, number of former numbers, isTaken   1 each, and one that is unused
///     32  former numbers                              8 each
///         the encoded keys, then the encoded words
///
/// All integers are little-endian.
struct ProducerRecord {
    let number: Int
    /// How many messages were submitted before it.
    let position: Int
    let traits: ProducerTraits
    let keyCount: Int
    let wordCount: Int
    /// The numbers that the message had before: see `ProducerBatch.endNumbers`.
    let formerNumbers: [Int]
    /// The bytes of its keys and words, in the buffer that has them.
    let keyRange: Range<Int>
    let wordRange: Range<Int>
    /// Whether it was taken out of the history.
    var isTaken = false

    /// The bytes of a record besides its keys and words, and of each former number.
    static let headBytes = 32
    static let formerBytes = 8
    private static let takenOffset = 30

    init(
        number: Int, position: Int, traits: ProducerTraits, keyCount: Int, wordCount: Int,
        formerNumbers: [Int], keyRange: Range<Int>, wordRange: Range<Int>
    ) {
        self.number = number
        self.position = position
        self.traits = traits
        self.keyCount = keyCount
        self.wordCount = wordCount
        self.formerNumbers = formerNumbers
        self.keyRange = keyRange
        self.wordRange = wordRange
    }

    /// Appends the record, with the keys and words that its ranges name in other buffers.
    @inline(__always)
    func append(keys: Span<UInt8>, words: Span<UInt8>, to bytes: inout [UInt8]) {
        let sizes = UInt64(keyRange.count) | UInt64(wordRange.count) &<< 32
        let counts = UInt64(keyCount) | UInt64(wordCount) &<< 16
        let rest = UInt64(traits.number) | UInt64(formerNumbers.count) &<< 8
        let count =
            ProducerRecord.headBytes + ProducerRecord.formerBytes * formerNumbers.count
            + keyRange.count + wordRange.count
        bytes.append(addingCapacity: count) { output in
            output.append(eights: [
                EightBytes(word: UInt64(number)), EightBytes(word: UInt64(position)),
                EightBytes(word: sizes), EightBytes(word: counts | rest &<< 32),
            ])
            for former in formerNumbers { output.append(eight: EightBytes(word: UInt64(former))) }
            if !keyRange.isEmpty { output.append(copying: keys.extracting(keyRange)) }
            output.append(copying: words.extracting(wordRange))
        }
    }

    /// Reads the record that `append` has put at the position.
    init(at start: Int, in bytes: [UInt8]) {
        func word(_ index: Int) -> UInt64 {
            EightBytes(bytes.span, at: start + 8 * index).word
        }
        let (sizes, counts) = (word(2), word(3))
        let former = Int(counts &>> 40 & 0xFF)
        number = Int(word(0))
        position = Int(word(1))
        keyCount = Int(counts & 0xFFFF)
        wordCount = Int(counts &>> 16 & 0xFFFF)
        traits = ProducerTraits(number: UInt8(truncatingIfNeeded: counts &>> 32))
        isTaken = bytes[start + ProducerRecord.takenOffset] != 0
        formerNumbers = (0..<former).map { Int(word(4 + $0)) }
        let keyStart = start + ProducerRecord.headBytes + ProducerRecord.formerBytes * former
        keyRange = keyStart..<(keyStart + Int(sizes & 0xFFFF_FFFF))
        wordRange = keyRange.upperBound..<(keyRange.upperBound + Int(sizes &>> 32))
    }

    /// Marks the record at the position: it is no longer a part of the history.
    static func setTaken(at start: Int, in bytes: inout [UInt8]) {
        bytes[start + takenOffset] = 1
    }
}
