internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as a job of python-rq (1.10 and later): a hash with the job, and its id in a list.
///
///     SADD  rq:queues rq:queue:NAME
///     HSET  rq:job:ID     data created_at enqueued_at description origin status timeout …
///     RPUSH rq:queue:NAME ID
///
/// in one atomic step, a script, since a worker drops an id without a hash. `data` calls
/// `__main__.make_transaction(user_id=…, amount=…, currency=…)`, or the function of `RQJobOptions`.
/// The timestamps have six digits of fraction and a `Z`: workers die of any other form.
struct RQJob {
    private let transaction: Transaction
    private let format: RQJobFormat

    init(_ transaction: Transaction, _ format: RQJobFormat) {
        self.transaction = transaction
        self.format = format
    }

    /// The call of the script.
    static func call(
        _ keys: RQKeys, _ options: RQJobOptions, _ features: QueueFeatures
    ) -> ProducerCall {
        let list = Array(keys.list.utf8)
        return ProducerCall(
            script: RQScripts.script(features, options), tag: list,
            queueKeys: [list, Array(keys.queues.utf8)],
            queueWords: [Array(keys.name.utf8)] + features.queueWords,
            tellsOfEach: features.rateLimit != nil)
    }

    /// Adds the key of the job's hash to a batch.
    ///
    /// - Returns: 1, the number of keys.
    func addKey(_ record: TransactionRecord, to keys: inout RedisCommand) -> Int {
        let start = format.keyStart
        keys.word(count: start.count + TransactionID.textLength) { word in
            word.append(copying: start.span)
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

    private var descriptionLength: Int {
        let parts = format.descriptionParts
        return parts.amount.count + ASCII.decimalLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.user.count
            + ASCII.decimalLength(transaction.userID) + 1
    }

    /// Appends the call as Python would write it, arguments sorted by name.
    private func appendDescription(to word: inout OutputSpan<UInt8>) {
        let parts = format.descriptionParts
        word.append(copying: parts.amount.span)
        word.append(decimal: transaction.amount.minorUnits)
        word.append(copying: parts.currency.span)
        transaction.currency.append(to: &word)
        word.append(copying: parts.user.span)
        word.append(decimal: transaction.userID)
        word.append(")")
    }

    // MARK: - Pickle

    /// The job's `meta`, `{'traceparent': …, 'tracestate': …}` pickled; empty where there is no
    /// trace.
    var meta: [UInt8] {
        guard let traceParent = transaction.traceParent else { return [] }
        var meta =
            Pickle.start + Pickle.emptyDictionary + Pickle.mark + Pickle.text("traceparent")
            + Pickle.text(traceParent.description)
        if let traceState = transaction.traceState {
            meta += Pickle.text("tracestate") + Pickle.text(traceState.description)
        }
        return meta + Pickle.setItems + Pickle.stop
    }

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        [UInt8](capacity: pickleLength) { appendPickle(to: &$0) }
    }

    private var pickleLength: Int {
        let parts = format.pickleParts
        return parts.user.count + Pickle.integerLength(transaction.userID)
            + parts.amount.count + Pickle.integerLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.end.count
    }

    private func appendPickle(to pickle: inout OutputSpan<UInt8>) {
        let parts = format.pickleParts
        pickle.append(copying: parts.user.span)
        Pickle.append(transaction.userID, to: &pickle)
        pickle.append(copying: parts.amount.span)
        Pickle.append(transaction.amount.minorUnits, to: &pickle)
        pickle.append(copying: parts.currency.span)
        transaction.currency.append(to: &pickle)
        pickle.append(copying: parts.end.span)
    }
}
