internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as a job of python-rq (1.10 and later): a hash with the job, and its id in a list.
///
///     SADD  rq:queues rq:queue:NAME
///     HSET  rq:job:ID     data created_at enqueued_at description origin status timeout …
///     RPUSH rq:queue:NAME ID
///
/// in one atomic step, a script, since a worker drops an id without a hash. `data` calls
/// `__main__.make_transaction(user_id=…, amount=…, currency=…)`. The timestamps have six digits of
/// fraction and a `Z`: workers die of any other form.
struct RQJob {
    /// The function of the PSP connector, in the module that it starts with.
    static let function = "__main__.make_transaction"
    /// How long the job may run.
    static let timeoutSeconds = 180

    private let transaction: Transaction

    init(_ transaction: Transaction) { self.transaction = transaction }

    /// The call of the script.
    ///
    /// - Parameter queue: its name.
    static func call(queue: String, _ features: QueueFeatures) -> ProducerCall {
        let list = Array("rq:queue:\(queue)".utf8)
        return ProducerCall(
            script: RQScripts.script(features), tag: list,
            queueKeys: [list, Array("rq:queues".utf8)],
            queueWords: [Array(queue.utf8)] + features.queueWords,
            tellsOfEach: features.rateLimit != nil)
    }

    /// Adds the key of the job's hash to a batch.
    ///
    /// - Returns: 1, the number of keys.
    func addKey(_ record: TransactionRecord, to keys: inout RedisCommand) -> Int {
        keys.word(count: RQJob.keyStart.utf8CodeUnitCount + TransactionID.textLength) { word in
            word.append(RQJob.keyStart)
            transaction.id.append(to: &word)
        }
        return 1
    }

    /// Adds the transaction's words to a batch.
    ///
    /// - Returns: how many words.
    func addWords(_ record: TransactionRecord, to words: inout RedisCommand) -> Int {
        let (pickleLength, descriptionLength, meta) = (pickleLength, descriptionLength, meta)
        let bytesMax =
            TransactionID.textLength + pickleLength + UnixTime.timestampLength + descriptionLength
            + meta.count + record.textLength + 6 * RedisCommand.framingBytesMax
        words.words(bytesMax: bytesMax) { words in
            words.word(transaction.id)
            words.word(count: pickleLength) { appendPickle(to: &$0) }
            words.word(transaction.createdAt)
            words.word(count: descriptionLength) { appendDescription(to: &$0) }
            if !meta.isEmpty { words.word(meta.span) }
            record.addText(to: &words)
        }
        return 4 + (meta.isEmpty ? 0 : 1) + record.textCount
    }

    private static var keyStart: StaticString { "rq:job:" }

    private var descriptionLength: Int {
        let parts = RQJob.descriptionParts
        return parts.amount.count + ASCII.decimalLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.user.count
            + ASCII.decimalLength(transaction.userID) + 1
    }

    /// Appends the call as Python would write it, arguments sorted by name.
    private func appendDescription(to word: inout OutputSpan<UInt8>) {
        let parts = RQJob.descriptionParts
        word.append(copying: parts.amount.span)
        word.append(decimal: transaction.amount.minorUnits)
        word.append(copying: parts.currency.span)
        transaction.currency.append(to: &word)
        word.append(copying: parts.user.span)
        word.append(decimal: transaction.userID)
        word.append(")")
    }

    private static let descriptionParts = (
        amount: Array("\(RQJob.function)(amount=".utf8), currency: Array(", currency='".utf8),
        user: Array("', user_id=".utf8)
    )

    // MARK: - Pickle

    /// What every job's pickle has before its values: (function, None, (), {user_id: …
    private static let pickleParts = (
        user: Pickle.start + Pickle.mark + Pickle.text(RQJob.function) + Pickle.none
            + Pickle.emptyTuple + Pickle.emptyDictionary + Pickle.mark + Pickle.text("user_id"),
        amount: Pickle.text("amount"),
        currency: Pickle.text("currency") + Pickle.textStart(length: CurrencyCode.length),
        end: Pickle.setItems + Pickle.tuple + Pickle.stop
    )

    /// The job's `meta`, `{'traceparent': …}` pickled; empty where there is no trace.
    var meta: [UInt8] {
        guard let traceParent = transaction.traceParent else { return [] }
        return Pickle.start + Pickle.emptyDictionary + Pickle.mark + Pickle.text("traceparent")
            + Pickle.text(traceParent.description) + Pickle.setItems + Pickle.stop
    }

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        [UInt8](capacity: pickleLength) { appendPickle(to: &$0) }
    }

    private var pickleLength: Int {
        let parts = RQJob.pickleParts
        return parts.user.count + Pickle.integerLength(transaction.userID)
            + parts.amount.count + Pickle.integerLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.end.count
    }

    private func appendPickle(to pickle: inout OutputSpan<UInt8>) {
        let parts = RQJob.pickleParts
        pickle.append(copying: parts.user.span)
        Pickle.append(transaction.userID, to: &pickle)
        pickle.append(copying: parts.amount.span)
        Pickle.append(transaction.amount.minorUnits, to: &pickle)
        pickle.append(copying: parts.currency.span)
        transaction.currency.append(to: &pickle)
        pickle.append(copying: parts.end.span)
    }
}
