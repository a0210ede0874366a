internal import CoreAPIBase

/// Writes commands in the Redis protocol: an array of bulk strings,
/// `*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n`.
package struct RedisCommand: Sendable {
    package private(set) var bytes: [UInt8]
    /// The number of replies to these commands.
    package private(set) var replyCount = 0

    package init(capacity: Int = 512) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    /// The capacity for a script call, enough for nearly all calls. malloc caches free blocks of
    /// this size, but not of larger sizes.
    private static let callCapacity = 960

    /// Begins the call of a script. The caller adds the keys and arguments by `word`.
    package init(calling script: RedisScript) {
        self.init(capacity: RedisCommand.callCapacity)
        bytes += script.callStart.bytes
        replyCount = 1
    }

    /// The call of a script with any number of keys and arguments.
    package init(calling script: RedisScript, keys: [String], arguments: [String]) {
        self.init(capacity: RedisCommand.callCapacity)
        begin(wordCount: 3 + keys.count + arguments.count)
        word("EVALSHA")
        word(script.digest)
        word(decimal: keys.count)
        for word in keys + arguments { self.word(word) }
    }

    /// Begins a command. The caller adds its words by `word`.
    ///
    /// - Parameter wordCount: the number of words, including the command's name.
    package mutating func begin(wordCount: Int) {
        begin(wordCount: wordCount, bytesMax: 0) { _ in }
    }

    /// Begins a command and adds its words, with one check of the capacity: see `words`.
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

    /// Appends the other commands.
    package mutating func append(_ other: RedisCommand) {
        bytes += other.bytes
        replyCount += other.replyCount
    }

    /// Removes all commands and keeps a small buffer.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= RedisCommand.keptBytesMax)
        replyCount = 0
    }

    /// Sends the bytes from a position on, and removes all commands once they are sent.
    ///
    /// - Parameters:
    ///   - position: how many bytes were sent before; adjusted.
    ///   - send: hands the bytes from a position on to the kernel: how many it took, nil if it
    ///     takes none now.
    @inline(__always)
    mutating func send(
        from position: inout Int, _ send: ([UInt8], Int) throws(SystemError) -> Int?
    ) throws(SystemError) {
        while position < bytes.count {
            guard let count = try send(bytes, position) else { return removeSent(&position) }
            position += count
        }
        position = 0
        removeAll()
    }

    /// Removes the bytes before a position if they exceed `keptBytesMax`, and adjusts the position.
    /// Otherwise a buffer that is never completely sent would grow without limit.
    private mutating func removeSent(_ position: inout Int) {
        guard position > RedisCommand.keptBytesMax else { return }
        bytes.removeFirst(position)
        position = 0
    }

    private static let keptBytesMax = 256 * 1024

    /// The first word of encoded words, as text.
    static func firstWord(of encoded: ArraySlice<UInt8>) -> String {
        // `$36\r\n`, then the word.
        guard let lineEnd = encoded.firstIndex(of: UInt8(ascii: "\n")) else { return "" }
        let word = encoded[encoded.index(after: lineEnd)...].prefix { $0 != UInt8(ascii: "\r") }
        return String(decoding: word, as: UTF8.self)
    }

    /// Appends a range of encoded words.
    package mutating func append(encoded words: [UInt8], _ range: Range<Int>) {
        bytes.append(contentsOf: words[range])
    }

    /// - Parameters:
    ///   - count: the length of the word in bytes.
    ///   - write: appends exactly `count` bytes.
    package mutating func word(count: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        words(bytesMax: count + RedisCommand.framingBytesMax) { $0.word(count: count, write) }
    }

    /// Adds several words with one check of the capacity.
    ///
    /// - Parameters:
    ///   - bytesMax: the largest length of the words in bytes, `framingBytesMax` included for each.
    ///   - write: appends the words by the functions of `OutputSpan`.
    package mutating func words(bytesMax: Int, _ write: (inout OutputSpan<UInt8>) -> Void) {
        bytes.append(addingCapacity: bytesMax, initializingWith: write)
    }

    /// Appends a complete command.
    package mutating func add(_ words: String...) { add(words) }

    package mutating func add(_ words: [String]) {
        begin(wordCount: words.count)
        for word in words { self.word(word) }
    }

    /// The largest framing of a word: the type byte, the length and two line ends.
    package static let framingBytesMax = 1 + 20 + 4
    /// The largest size of a number as a word.
    package static let numberBytesMax = 20 + framingBytesMax
}
