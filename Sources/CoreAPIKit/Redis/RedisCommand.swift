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

    /// What a new connection begins with: AUTH, SELECT and SCRIPT LOAD, as far as they are needed.
    init(loggingInTo url: RedisURL, scripts: [RedisScript]) {
        self.init()
        if let user = url.user {
            // A user may have no password (`nopass`).
            add("AUTH", user, url.password ?? "")
        } else if let password = url.password {
            // The form that servers before Redis 6 know too.
            add("AUTH", password)
        }
        if url.database != 0 { add("SELECT", String(url.database)) }
        for script in scripts { add("SCRIPT", "LOAD", script.source) }
    }

    /// The call of a script; its keys and arguments are to follow by `word`.
    init(calling script: RedisScript) {
        self.init(capacity: 1024)
        bytes += script.callStart.bytes
        replyCount = 1
    }

    /// Begins a command of so many words, its name included; they are to follow by `word`.
    package mutating func begin(wordCount: Int) {
        replyCount += 1
        header(UInt8(ascii: "*"), wordCount)
    }

    package mutating func word(_ word: String) {
        header(UInt8(ascii: "$"), word.utf8.count)
        bytes.append(contentsOf: word.utf8)
        endLine()
    }

    package mutating func word(_ word: [UInt8]) {
        header(UInt8(ascii: "$"), word.count)
        bytes.append(contentsOf: word)
        endLine()
    }

    /// A word of two parts.
    mutating func word(_ prefix: String, _ rest: [UInt8]) {
        header(UInt8(ascii: "$"), prefix.utf8.count + rest.count)
        bytes.append(contentsOf: prefix.utf8)
        bytes += rest
        endLine()
    }

    /// - Parameter number: not negative.
    package mutating func word(decimal number: Int) {
        header(UInt8(ascii: "$"), ASCII.decimalLength(number))
        bytes.append(decimal: number)
        endLine()
    }

    /// A timestamp.
    mutating func word(_ time: UnixTime) {
        header(UInt8(ascii: "$"), UnixTime.timestampLength)
        time.append(to: &bytes)
        endLine()
    }

    /// Adds a whole command.
    package mutating func add(_ words: String...) {
        begin(wordCount: words.count)
        for word in words { self.word(word) }
    }

    private mutating func header(_ kind: UInt8, _ count: Int) {
        bytes.append(kind)
        bytes.append(decimal: count)
        endLine()
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
