internal import CoreAPIBase

/// Messages that reach Redis as one call of a script, with the RESP words that each has there.
///
/// A batch has no numbers before it is sent: `first` is assigned then, and anew when it is sent
/// again behind a fence.
package struct ProducerBatch<Waiter> {
    /// One message: a part of the batch's words, and of its keys if it is keyed.
    struct Message {
        /// How many messages were submitted before it.
        let position: Int
        /// Nil for a message that is sent again after it was confirmed, and once its time is over.
        var waiter: Waiter?
        /// When the wait is over; of a confirmed message, until when a refusal is not the end.
        var deadline: MonotonicTime
        /// Its waiter has the result `applied`: it is sent again until a Redis applies it.
        var isConfirmed = false
        /// A Redis that is not ruled out may have applied it.
        var mayBeExecuted = false
        let traits: ProducerTraits
        let keyCount: Int
        let wordCount: Int
        /// The bytes of its keys within `keys`.
        let keyRange: Range<Int>
        /// The bytes of its words within `words`.
        let wordRange: Range<Int>

        /// Whether Redis has a record of it, from which its outcome is read.
        var isKeyed: Bool { traits.isKeyed }
        var byteCount: Int { keyRange.count + wordRange.count }

        /// Whether it was confirmed before, and a refusal is not the end.
        func mustBeApplied(_ now: MonotonicTime) -> Bool { isConfirmed && deadline > now }
    }

    private(set) var messages: [Message] = []
    /// The numbers that each message had before; empty if none had any.
    private var formerNumbers: [[Int]] = []
    private(set) var keys = RedisCommand(capacity: 0)
    private(set) var words: RedisCommand
    private(set) var keyCount = 0
    private(set) var wordCount = 0
    /// How many messages were not confirmed yet, and their bytes.
    private(set) var unconfirmedCount = 0
    private(set) var unconfirmedBytes = 0
    /// The number of the first message; 0 before it is sent.
    var first = 0
    /// The Redis that the batch was sent to (see `ProducerSession.run`).
    var run = ""
    /// Redis has answered that it takes nothing of it under these numbers.
    var isRefused = false
    /// Whether an error was the answer to it: Redis has not taken it, unless something on the way
    /// has answered in its place. The session's number tells.
    var isDenied = false

    init(capacity: Int = 0) { words = RedisCommand(capacity: capacity) }

    var count: Int { messages.count }
    var isEmpty: Bool { messages.isEmpty }
    /// The number of the last message.
    var last: Int { first + messages.count - 1 }
    var byteCount: Int { keys.bytes.count + words.bytes.count }
    /// The earliest time at which a message's wait is over; `.never` without a waiter.
    var deadline: MonotonicTime {
        // By their indices: a loop over the messages would copy them.
        for index in messages.indices where messages[index].waiter != nil {
            return messages[index].deadline
        }
        return .never
    }
    /// Whether no message of it has a waiter or was confirmed.
    var isAbandoned: Bool { messages.allSatisfy { $0.waiter == nil && !$0.isConfirmed } }

    /// Adds a message.
    ///
    /// - Parameters:
    ///   - position: how many messages were submitted before it.
    ///   - addKeys: adds its keys, as words of the command, and returns how many.
    ///   - addWords: adds its words, and returns how many.
    mutating func append(
        _ waiter: consuming Waiter?, position: Int, deadline: MonotonicTime,
        _ traits: ProducerTraits,
        keys addKeys: (inout RedisCommand) -> Int, words addWords: (inout RedisCommand) -> Int
    ) {
        let (keyStart, wordStart) = (keys.bytes.count, words.bytes.count)
        let (addedKeys, addedWords) = (addKeys(&keys), addWords(&words))
        keyCount += addedKeys
        wordCount += addedWords
        let message = Message(
            position: position, waiter: waiter, deadline: deadline, traits: traits,
            keyCount: addedKeys, wordCount: addedWords, keyRange: keyStart..<keys.bytes.count,
            wordRange: wordStart..<words.bytes.count)
        unconfirmedCount += 1
        unconfirmedBytes += message.byteCount
        // An array literal costs half of an array that grows to its first element.
        if messages.capacity == 0 {
            messages = [consume message]
        } else {
            messages.append(consume message)
        }
    }

    /// The batch's messages for which the test holds, in their order, as a batch without numbers.
    func filtered(_ isKept: (_ index: Int, Message) -> Bool) -> ProducerBatch {
        var kept = ProducerBatch(capacity: words.bytes.count)
        for (index, message) in messages.enumerated() where isKept(index, message) {
            kept.append(messageAt: index, of: self)
        }
        return kept
    }

    private mutating func append(messageAt index: Int, of batch: ProducerBatch) {
        let message = batch.messages[index]
        append(
            message.waiter, position: message.position, deadline: message.deadline,
            message.traits,
            keys: {
                $0.append(encoded: batch.keys.bytes, message.keyRange)
                return message.keyCount
            },
            words: {
                $0.append(encoded: batch.words.bytes, message.wordRange)
                return message.wordCount
            })
        if message.isConfirmed { setConfirmed(count - 1) }
        messages[count - 1].mayBeExecuted = message.mayBeExecuted
        addFormerNumbers(batch.formerNumbers.isEmpty ? [] : batch.formerNumbers[index])
    }

    /// Adds the former numbers of the last message.
    private mutating func addFormerNumbers(_ numbers: [Int]) {
        guard !formerNumbers.isEmpty || !numbers.isEmpty else { return }
        while formerNumbers.count < count - 1 { formerNumbers.append([]) }
        formerNumbers.append(numbers)
    }

    /// Adds a message of the history, which has no waiter.
    mutating func append(_ record: ProducerRecord, of bytes: [UInt8]) {
        append(
            nil, position: record.position, deadline: .never, record.traits,
            keys: {
                $0.append(encoded: bytes, record.keyRange)
                return record.keyCount
            },
            words: {
                $0.append(encoded: bytes, record.wordRange)
                return record.wordCount
            })
        addFormerNumbers(record.formerNumbers)
    }

    /// Appends a record of each message, for the history.
    @inline(__always) func appendRecords(to bytes: inout [UInt8]) {
        // By their indices: a loop over the messages would copy them.
        for index in messages.indices {
            var former = formerNumbers.isEmpty ? [] : formerNumbers[index]
            // Under a number that was refused the message is nowhere.
            let refused = isRefused ? former.popLast() : nil
            let record = ProducerRecord(
                number: refused ?? first + index, position: messages[index].position,
                traits: messages[index].traits, keyCount: messages[index].keyCount,
                wordCount: messages[index].wordCount, formerNumbers: former,
                keyRange: messages[index].keyRange, wordRange: messages[index].wordRange)
            record.append(keys: keys.bytes.span, words: words.bytes.span, to: &bytes)
        }
    }

    /// Whether its memory is worth to be used again: larger buffers are freed.
    var isReusable: Bool {
        words.bytes.capacity <= ProducerBatch.keptBytesMax
            && keys.bytes.capacity <= ProducerBatch.keptBytesMax
    }

    /// A batch of keyed messages with the longest keys fits.
    private static var keptBytesMax: Int { 64 * 1024 }

    /// Removes all messages, and keeps their memory.
    mutating func removeAll() {
        // One message, as at low load, leaves for less.
        if count == 1 { messages.removeLast() } else { messages.removeAll(keepingCapacity: true) }
        words.removeAll()
        if keyCount > 0 { keys.removeAll() }
        if !formerNumbers.isEmpty { formerNumbers = [] }
        (keyCount, wordCount, unconfirmedCount, unconfirmedBytes, first) = (0, 0, 0, 0, 0)
    }

    /// The messages of batches without numbers in the order of `submit`.
    ///
    /// - Parameter countMax: of a batch, if the messages are batched anew.
    static func inOrder(_ batches: [ProducerBatch], countMax: Int) -> [ProducerBatch] {
        let isInOrder = zip(batches, batches.dropFirst()).allSatisfy {
            $0.messages[$0.count - 1].position < $1.messages[0].position
        }
        if isInOrder { return batches }
        let places = batches.flatMap { batch in batch.messages.indices.map { (batch, $0) } }
            .sorted { $0.0.messages[$0.1].position < $1.0.messages[$1.1].position }
        var ordered: [ProducerBatch] = []
        for (batch, index) in places {
            if ordered.last?.count ?? countMax == countMax { ordered.append(ProducerBatch()) }
            ordered[ordered.count - 1].append(messageAt: index, of: batch)
        }
        return ordered
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
                (run.first, run.run, run.isRefused) = (first + begin, self.run, isRefused)
                run.isDenied = isDenied
                runs.append(run)
                start = nil
            }
        }
        return runs
    }

    /// The first word of each message, which names it in logs.
    var names: [String] { messages.map { RedisCommand.firstWord(of: words.bytes[$0.wordRange]) } }

    /// Takes all waiters: every message is applied.
    mutating func takeWaiters(_ resolutions: inout ProducerResolutions<Waiter>) {
        resolutions.reserve(count)
        for index in messages.indices {
            guard let waiter = messages[index].waiter.take() else { continue }
            resolutions.append(
                ProducerSession.Resolution(waiter: waiter, result: .success(.applied)))
        }
    }

    /// Takes the waiter of a message: it is resumed once.
    mutating func takeWaiter(_ index: Int) -> Waiter? { messages[index].waiter.take() }

    // MARK: - Sent before

    /// Whether a Redis has applied the message: see `ProducerApplied.contains`. Where the number
    /// does not tell, an error that was the answer is believed.
    func isApplied(_ index: Int, in applied: ProducerApplied) -> Bool? {
        let former = formerNumbers.isEmpty ? [] : formerNumbers[index]
        let isKeyed = messages[index].isKeyed
        let number = isRefused ? nil : first + index
        return applied.contains(number, former: former, isKeyed: isKeyed)
            ?? (isDenied ? applied.contains(nil, former: former, isKeyed: isKeyed) : nil)
    }

    /// Whether messages of it were sent before under other numbers.
    var hasFormerNumbers: Bool { !formerNumbers.isEmpty }

    /// Gives up the batch's numbers, so that it gets new ones, and remembers them.
    mutating func endNumbers() {
        formerNumbers = messages.indices.map { index in
            let former = formerNumbers.isEmpty ? [] : formerNumbers[index]
            if isRefused { return former }
            return former.suffix(ProducerBatch.formerNumbersMax - 1) + [first + index]
        }
        (first, isRefused, isDenied) = (0, false, false)
    }

    /// How many Redis servers may lose a message one after another, and come back with it.
    private static var formerNumbersMax: Int { 8 }

    /// The message may have been applied by a Redis that is not ruled out.
    mutating func setMayBeExecuted(_ index: Int) { messages[index].mayBeExecuted = true }

    /// Every message was confirmed, and is sent again.
    mutating func setConfirmed(deadline: MonotonicTime) {
        for index in messages.indices {
            setConfirmed(index)
            messages[index].deadline = deadline
        }
    }

    private mutating func setConfirmed(_ index: Int) {
        guard !messages[index].isConfirmed else { return }
        messages[index].isConfirmed = true
        unconfirmedCount -= 1
        unconfirmedBytes -= messages[index].byteCount
    }

    /// Appends the digit of each message's traits.
    func appendTraits(to word: inout OutputSpan<UInt8>) {
        for index in messages.indices { word.append(messages[index].traits.digit) }
    }

    /// As `appendTraits`, for a call that tells of each message.
    func appendTraitsWithExemptions(to word: inout OutputSpan<UInt8>) {
        for message in messages {
            word.append(message.traits.digit | (message.isConfirmed ? ProducerTraits.exemptBit : 0))
        }
    }
}
