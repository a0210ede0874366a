internal import CoreAPIBase

/// Writes commands in the Redis protocol: an array of bulk strings,
/// `*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n`.
package struct RedisCommand: Sendable {
    package private(set) var bytes: [UInt8]
    /// How many replies these commands have.
    package private(set) var replyCount = 0

    package init(capacity: Int = 512) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    /// What nearly all calls of scripts fit in; more would be memory of another kind, which malloc
    /// does not keep at hand.
    private static let callCapacity = 960

    /// The call of a script; its keys and arguments are to follow by `word`.
    package init(calling script: RedisScript) {
        self.init(capacity: RedisCommand.callCapacity)
        bytes += script.callStart.bytes
        replyCount = 1
    }

    /// Begins a command of so many words, its name included; they are to follow by `word`.
    package mutating func begin(wordCount: Int) { begin(wordCount: wordCount, bytesMax: 0) { _ in } }

    /// Begins a command of so many words, as `begin` and `words` do, by one check of the capacity.
    mutating func begin(
        wordCount: Int, bytesMax: Int, _ write: (inout OutputSpan<UInt8>) -> Void
    ) {
        replyCount += 1
        words(bytesMax: RedisCommand.framingBytesMax + bytesMax) { output in
            output.append("*")
            output.append(decimal: wordCount)
            output.appendLineEnd()
            write(&output)
        }
    }

    package mutating func word(_ word: String) {
        self.word(count: word.utf8.count) { $0.append(text: word) }
    }

    package mutating func word(literal: StaticString) {
        word(count: literal.utf8CodeUnitCount) { $0.append(literal) }
    }

    package mutating func word(_ word: [UInt8]) {
        self.word(count: word.count) { $0.append(copying: word.span) }
    }

    /// - Parameter number: not negative.
    package mutating func word(decimal number: Int) {
        words(bytesMax: RedisCommand.numberBytesMax) { $0.word(decimal: number) }
    }

    /// Adds the other commands.
    package mutating func append(_ other: RedisCommand) {
        bytes += other.bytes
        replyCount += other.replyCount
    }

    /// Forgets the commands; a small buffer is kept.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= RedisCommand.keptBytesMax)
        replyCount = 0
    }

    /// Forgets the bytes before a position if they are many, so that a buffer that is always being
    /// sent does not grow; moves the position with them.
    mutating func removeSent(_ position: inout Int) {
        guard position > RedisCommand.keptBytesMax else { return }
        bytes.removeFirst(position)
        position = 0
    }

    private static let keptBytesMax = 256 * 1024

    /// The first of some encoded words, as text.
    static func firstWord(of encoded: ArraySlice<UInt8>) -> String {
        // `$36\r\n`, then the word.
        guard let lineEnd = encoded.firstIndex(of: UInt8(ascii: "\n")) else { return "" }
        let word = encoded[encoded.index(after: lineEnd)...].prefix { $0 != UInt8(ascii: "\r") }
        return String(decoding: word, as: UTF8.self)
    }

    /// Adds words that are encoded already.
    package mutating func append(encoded words: [UInt8], _ range: Range<Int>) {
        bytes.append(contentsOf: words[range])
    }

    /// - Parameters:
    ///   - count: how many bytes the word has.
    ///   - write: appends them.
    package mutating func word(count: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        words(bytesMax: count + RedisCommand.framingBytesMax) { $0.word(count: count, write) }
    }

    /// Adds several words by one check of the capacity.
    ///
    /// - Parameters:
    ///   - bytesMax: how many bytes they have at most, with `framingBytesMax` for each word.
    ///   - write: appends them by the functions of `OutputSpan`.
    package mutating func words(bytesMax: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        bytes.append(addingCapacity: bytesMax, initializingWith: write)
    }

    /// Adds a whole command.
    package mutating func add(_ words: String...) { add(words) }

    package mutating func add(_ words: [String]) {
        begin(wordCount: words.count)
        for word in words { self.word(word) }
    }

    /// What a word has besides its bytes: a kind, a length and two ends of lines.
    package static let framingBytesMax = 1 + 20 + 4
    /// The longest word of a number.
    package static let numberBytesMax = 20 + framingBytesMax
}
