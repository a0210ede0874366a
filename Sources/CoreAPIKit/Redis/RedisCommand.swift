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
    init(calling script: RedisScript) {
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

    mutating func word(literal: StaticString) {
        word(count: literal.utf8CodeUnitCount) { $0.append(literal) }
    }

    package mutating func word(_ word: [UInt8]) {
        self.word(count: word.count) { $0.append(copying: word.span) }
    }

    /// - Parameter number: not negative.
    package mutating func word(decimal number: Int) {
        word(count: ASCII.decimalLength(number)) { $0.append(decimal: number) }
    }

    /// A currency's three letters.
    mutating func word(_ currency: CurrencyCode) {
        word(count: CurrencyCode.length) { currency.append(to: &$0) }
    }

    /// A timestamp.
    mutating func word(_ time: UnixTime) {
        word(count: UnixTime.timestampLength) { time.append(to: &$0) }
    }

    /// - Parameters:
    ///   - count: how many bytes the word has.
    ///   - write: appends them.
    mutating func word(count: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
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
