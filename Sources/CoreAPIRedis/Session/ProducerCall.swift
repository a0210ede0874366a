internal import CoreAPIBase

/// The call of a session's batches: the script with the keys that are the same for each.
package struct ProducerCall: Sendable {
    let script: RedisScript
    /// What each login ends with, before the session is opened.
    package var loginStep: RedisLoginStep?
    let sessionKey: [UInt8]
    /// Whether the script tells of each message what it did (`ProducerOutcome.told`), and may
    /// refuse one by a rule of the queue without an end of the batch. Such a message has its
    /// number, which the script adds to the list `refusalsKey`, the last of the queue's keys.
    let tellsOfEach: Bool
    private let queueKeyCount: Int
    private let queueWordCount: Int
    /// The words that are the same in each call, encoded: EVALSHA and the digest; the keys of the
    /// session and the queue; the queue's words.
    private let start: [UInt8]
    private let keys: [UInt8]
    private let words: [UInt8]
    /// `start`, the number of keys and `keys`, for a batch whose messages have no keys.
    private let startWithKeys: [UInt8]

    /// EVALSHA, digest, number of keys, session, two numbers, deadline, traits.
    private static let fixedWordCount = 8
    /// Number of keys, the number before the first message, the last number, deadline.
    private static let numbersPerCall = 4

    /// - Parameters:
    ///   - script: begins with `ProducerScripts.batchStart`.
    ///   - sessionKey: of the producer alone.
    ///   - queueKeys: those that follow it in each call.
    ///   - queueWords: those that come before the words of the messages.
    ///   - tellsOfEach: whether the script tells of each message; then `refusalsKey` follows the
    ///     queue's keys.
    package init(
        script: RedisScript, sessionKey: [UInt8], queueKeys: [[UInt8]], queueWords: [[UInt8]],
        tellsOfEach: Bool = false
    ) {
        let queueKeys =
            queueKeys + (tellsOfEach ? [ProducerCall.refusalsKey(sessionKey)] : [])
        self.script = script
        self.sessionKey = sessionKey
        self.tellsOfEach = tellsOfEach
        queueKeyCount = queueKeys.count
        queueWordCount = queueWords.count
        start = ProducerCall.encoded([Array("EVALSHA".utf8), Array(script.digest.utf8)])
        keys = ProducerCall.encoded([sessionKey] + queueKeys)
        words = ProducerCall.encoded(queueWords)
        let count = Array(String(1 + queueKeys.count).utf8)
        startWithKeys = start + ProducerCall.encoded([count]) + keys
    }

    private static func encoded(_ words: [[UInt8]]) -> [UInt8] {
        var encoded = RedisCommand(capacity: 64)
        for word in words { encoded.word(word) }
        return encoded.bytes
    }

    /// A call of a session of its own, with a random key: `core-api:session:{TAG}:ID`.
    ///
    /// - Parameter tag: of the queue, so that the session lies in its slot of a Redis Cluster.
    package init(
        script: RedisScript, tag: [UInt8], queueKeys: [[UInt8]], queueWords: [[UInt8]],
        tellsOfEach: Bool = false
    ) {
        let random = SystemRandom.words()
        let id = [UInt8](capacity: 32) { id in
            id.append(hexadecimal: random[0], digits: 16)
            id.append(hexadecimal: random[1], digits: 16)
        }
        self.init(
            script: script, sessionKey: ProducerCall.sessionKeyStart(tag) + id,
            queueKeys: queueKeys, queueWords: queueWords, tellsOfEach: tellsOfEach)
    }

    /// The list of the numbers of messages that a rule has refused, the latest last.
    private static func refusalsKey(_ sessionKey: [UInt8]) -> [UInt8] {
        sessionKey + Array(":refused".utf8)
    }

    /// What the key of every session of a queue begins with.
    package static func sessionKeyStart(_ tag: [UInt8]) -> [UInt8] {
        Array("core-api:session:".utf8) + HashTag.text(of: tag) + Array(":".utf8)
    }

    /// The scripts that each login loads.
    package var scripts: [RedisScript] { [script, openScript, ProducerScripts.fence] }

    private var openScript: RedisScript {
        tellsOfEach ? ProducerScripts.openWithRefusals : ProducerScripts.open
    }

    /// Appends the call of the batch.
    ///
    /// - Parameter deadline: in milliseconds of Redis's clock, not negative.
    func append<Waiter>(
        _ batch: ProducerBatch<Waiter>, deadline: Int, to output: inout RedisCommand
    ) {
        let keyCount = queueKeyCount + batch.keyCount
        output.begin(
            wordCount: ProducerCall.fixedWordCount + keyCount + queueWordCount
                + batch.wordCount,
            bytesMax: start.count + keys.count + words.count + batch.byteCount + batch.count
                + (ProducerCall.numbersPerCall + 1) * RedisCommand.numberBytesMax
        ) { output in
            if batch.keyCount == 0 {
                output.append(copying: startWithKeys.span)
            } else {
                output.append(copying: start.span)
                output.word(decimal: 1 + keyCount)
                output.append(copying: keys.span)
                output.append(copying: batch.keys.bytes.span)
            }
            output.word(decimal: batch.first - 1)
            output.word(decimal: batch.last)
            output.word(decimal: deadline)
            output.word(count: batch.count) { word in
                if tellsOfEach {
                    batch.appendTraitsWithExemptions(to: &word)
                } else {
                    batch.appendTraits(to: &word)
                }
            }
            output.append(copying: words.span)
            output.append(copying: batch.words.bytes.span)
        }
    }

    /// The call that asks where the session stands.
    var open: RedisCommand {
        var command = RedisCommand(calling: openScript)
        command.word(sessionKey)
        if tellsOfEach { command.word(ProducerCall.refusalsKey(sessionKey)) }
        return command
    }

    /// The call that moves the session from a number, as `open` returns it, to a fence.
    func fence(from number: Int64, to fence: Int) -> RedisCommand {
        var command = RedisCommand(calling: ProducerScripts.fence)
        command.word(sessionKey)
        switch number {
        case 0...: command.word(decimal: Int(number))
        case -1: command.word(literal: "-1")
        default: command.word(literal: "-2")
        }
        command.word(decimal: fence)
        command.word(decimal: ProducerScripts.lifetimeSeconds)
        return command
    }
}
