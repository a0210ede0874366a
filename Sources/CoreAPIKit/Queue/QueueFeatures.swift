/// What a queue in Redis keeps besides its transactions. Each is a part of the script that
/// enqueues: a queue that does without has a script without it.
package struct QueueFeatures: Sendable {
    /// For how many seconds a transaction's status is kept after its last change; 0 for none.
    package var statusSeconds = 0
    /// How many transactions of each user are accepted; nil for any number.
    package var rateLimit: RateLimit?

    package init() {}

    var keepsStatus: Bool { statusSeconds > 0 }

    /// What the script gets once for all messages of a batch: the seconds of a status, then the
    /// count of the limit and its window in microseconds.
    var queueWords: [[UInt8]] {
        var numbers: [Int] = []
        if keepsStatus { numbers.append(statusSeconds) }
        if let rateLimit { numbers += [rateLimit.count, rateLimit.window] }
        return numbers.map { Array(String($0).utf8) }
    }

    /// The parts of the script.
    var parts: Parts { Parts(keepsStatus: keepsStatus, limitsRate: rateLimit != nil) }

    /// Which parts a script has.
    struct Parts: Hashable {
        var keepsStatus = false
        var limitsRate = false

        /// How many words the parts have.
        var wordCount: Int { (keepsStatus ? 1 : 0) + (limitsRate ? 2 : 0) }

        /// The lines that limit the rate; nil without a limit.
        ///
        /// - Parameters:
        ///   - wordStart: the position of the first word of the parts in `argv`.
        ///   - queueKeyCount: how many keys the session and the queue have: the key of the list of
        ///     refusals follows them.
        func limit(wordStart: Int, queueKeyCount: Int) -> RateLimitScript? {
            guard limitsRate else { return nil }
            return RateLimitScript(
                position: wordStart + (keepsStatus ? 1 : 0),
                refusalsKey: "KEYS[\(queueKeyCount + 1)]")
        }

        /// The begin of each message.
        var recordStart: String {
            limitsRate ? TransactionRecord.scriptStartTellingOfEach : TransactionRecord.scriptStart
        }
    }

    /// The lines of a script that are not empty: a part that is left out leaves an empty one.
    static func lines(_ script: String) -> String {
        script.split(separator: "\n").filter { $0.contains { $0 != " " } }.joined(separator: "\n")
    }
}
