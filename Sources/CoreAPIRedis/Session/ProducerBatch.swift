internal import CoreAPIBase

/// Messages that reach Redis as one call of a script, with the RESP words that each has there.
///
/// A batch has no numbers before it is sent: `first` is assigned then, and anew when it is sent
/// again behind a fence.
package struct ProducerBatch<Waiter> {
    /// One message: a part of the batch's words, and of its keys if it is keyed.
    struct Message {
        /// Nil for a message that is sent again after it was confirmed, and once its time is over.
        var waiter: Waiter?
        let deadline: MonotonicTime
        /// Whether Redis has a record of it, which tells what became of it.
        let isKeyed: Bool
        let keyCount: Int
        /// The bytes of its keys within `keys`.
        let keyRange: Range<Int>
        /// The bytes of its words within `words`.
        let wordRange: Range<Int>
    }

    private(set) var messages: [Message] = []
    private(set) var keys = RedisCommand(capacity: 0)
    private(set) var words: RedisCommand
    private(set) var keyCount = 0
    /// The number of the first message; 0 before it is sent.
    var first = 0
    /// The Redis that confirmed the batch, by its `run_id`; empty until then.
    var run = ""
    /// When it was confirmed.
    var confirmedAt = MonotonicTime.never

    init(capacity: Int = 0) { words = RedisCommand(capacity: capacity) }

    var count: Int { messages.count }
    var isEmpty: Bool { messages.isEmpty }
    /// The number of the last message.
    var last: Int { first + messages.count - 1 }
    var byteCount: Int { keys.bytes.count + words.bytes.count }
    /// The earliest time at which a message's wait is over; `.never` without a waiter.
    var deadline: MonotonicTime { messages.first { $0.waiter != nil }?.deadline ?? .never }

    /// Adds a message.
    ///
    /// - Parameters:
    ///   - isKeyed: whether the script writes a record of it.
    ///   - addKeys: adds its keys, as words of the command, and returns how many.
    ///   - addWords: adds its words.
    mutating func append(
        _ waiter: consuming Waiter?, deadline: MonotonicTime, isKeyed: Bool,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Void
    ) {
        let (keyStart, wordStart) = (keys.bytes.count, words.bytes.count)
        let added = addKeys(&keys)
        keyCount += added
        addWords(&words)
        messages.append(
            Message(
                waiter: waiter, deadline: deadline, isKeyed: isKeyed, keyCount: added,
                keyRange: keyStart..<keys.bytes.count, wordRange: wordStart..<words.bytes.count))
    }

    /// The batch's messages for which the test holds, in their order, as a batch without numbers.
    func filtered(_ isKept: (_ index: Int, Message) -> Bool) -> ProducerBatch {
        var kept = ProducerBatch(capacity: words.bytes.count)
        for (index, message) in messages.enumerated() where isKept(index, message) {
            kept.append(
                message.waiter, deadline: message.deadline, isKeyed: message.isKeyed,
                keys: {
                    $0.append(encoded: keys.bytes, message.keyRange)
                    return message.keyCount
                },
                words: { $0.append(encoded: words.bytes, message.wordRange) })
        }
        return kept
    }

    /// As `filtered`, in parts whose numbers follow each other, with those numbers.
    func runs(where isKept: (_ index: Int, Message) -> Bool) -> [ProducerBatch] {
        var runs: [ProducerBatch] = []
        var start: Int?
        for index in 0...count {
            if index < count, isKept(index, messages[index]) {
                start = start ?? index
            } else if let begin = start {
                var run = filtered { position, _ in begin <= position && position < index }
                run.first = first + begin
                runs.append(run)
                start = nil
            }
        }
        return runs
    }

    /// The first word of each message, which names it in logs.
    var names: [String] { messages.map { RedisCommand.firstWord(of: words.bytes[$0.wordRange]) } }

    /// Takes the waiter of a message: it is told once.
    mutating func takeWaiter(_ index: Int) -> Waiter? { messages[index].waiter.take() }
}
