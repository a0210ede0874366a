package import CoreAPIBase

/// Writes commands in the Redis protocol: an array of bulk strings,
/// `*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n`.
package struct RedisCommand: Sendable {
    package private(set) var bytes: [UInt8]
    /// How many replies these commands have.
    package private(set) var replyCount = 0

    package init(capacity: Int = 512) {
        bytes = []
        bytes.reserveCapacity(capacity)
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
    package mutating func begin(wordCount: Int) {
        replyCount += 1
        bytes.append(addingCapacity: RedisCommand.framingBytesMax) { output in
            output.append("*")
            output.append(decimal: wordCount)
            output.appendLineEnd()
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
        word(count: ASCII.decimalLength(number)) { $0.append(decimal: number) }
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

    /// Adds the words of the other command, which has no beginning of its own.
    mutating func append(encoded words: RedisCommand) { bytes += words.bytes }

    /// A timestamp.
    package mutating func word(_ time: UnixTime) {
        word(count: UnixTime.timestampLength) { time.append(to: &$0) }
    }

    /// - Parameters:
    ///   - count: how many bytes the word has.
    ///   - write: appends them.
    package mutating func word(count: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        bytes.append(addingCapacity: count + RedisCommand.framingBytesMax) { output in
            output.append("$")
            output.append(decimal: count)
            output.appendLineEnd()
            let end = output.count + count
            write(&output)
            precondition(output.count == end, "a word is as long as was said before")
            output.appendLineEnd()
        }
    }

    /// Adds a whole command.
    package mutating func add(_ words: String...) { add(words) }

    package mutating func add(_ words: [String]) {
        begin(wordCount: words.count)
        for word in words { self.word(word) }
    }

    /// A kind, a number and two ends of lines.
    private static let framingBytesMax = 1 + 20 + 4
}
