internal import CoreAPIBase
internal import CoreAPIRedis

/// The record of an idempotency key, by which a second transaction with the key finds the first:
/// the text `ID AMOUNT CURRENCY`, such as `f47ac10b-58cc-4372-a567-0e02b2c3d479 100 USD`.
///
///     core-api:idempotency:{TAG}:USER_ID:KEY    for 24 hours
///
/// `TAG` is the queue's own key, so a record belongs to one queue and lies in its slot of a Redis
/// Cluster. It has no braces (`QueueNameError`), so no two queues have a record's key in common.
/// A transaction without an idempotency key has no record: its number in the producer session keeps
/// it from being applied twice.
///
/// The record and the enqueueing are one script, so nothing sees one without the other. Redis does
/// not roll a script back: what the commands before a refused one wrote stays. Hence this order:
///
/// 1. `SET` writes the record, unless there is one. Refused, nothing of the transaction is written.
/// 2. The commands of the queue, by `pcall`. The last one alone, `RPUSH` or `XADD`, makes the
///    transaction visible, so one that is refused leaves nothing for a worker.
/// 3. Refused, the record is made void by the command that has just succeeded on this key, `SET`:
///    neither a right nor a type refuses it here. The other order, the record behind the entry,
///    would leave an entry without a record where `SET` is refused.
///
/// A void record is an empty text that lives for a millisecond. A script that finds one in that
/// time takes it for none, so it does not matter when Redis removes it.
struct TransactionRecord {
    private let id: TransactionID
    private let amount: Amount
    private let currency: CurrencyCode
    private let userID: Int
    private let idempotencyKey: IdempotencyKey?

    init(_ transaction: Transaction, _ idempotencyKey: IdempotencyKey?) {
        id = transaction.id
        amount = transaction.amount
        currency = transaction.currency
        userID = transaction.userID
        self.idempotencyKey = idempotencyKey
    }

    /// Of a keyed message of a batch: `record` becomes the next key, and `isNew` whether its entry
    /// is to be written. `key` is the position of the last key that was used, `at` that of the next
    /// word, the record's text. A refusal sets `problem`, here for a reason of this record's own.
    ///
    /// The record is written, unless there is one: its text is an answer of the batch then. Of a
    /// message that a copy of the batch has applied, the record of another transaction is an
    /// answer: the copy has found that.
    private static func scriptCheck(_ findRecord: String) -> String {
        """
        local text = argv[at]
        at = at + 1
        key = key + 1
        record = KEYS[key]
        local kept = isNew
          and call('SET', record, text, 'NX', 'EX', '\(IdempotencyKey.lifetimeSeconds)')
        if kept and kept.err then
          problem, isOwn = kept.err, true
        elseif not kept then
          local known = call('GET', record)
          if not isNew then
            if type(known) == 'string' and known ~= '' and known ~= text then
              \(findRecord)
            end
          elseif type(known) == 'table' then
            problem, isOwn = known.err, true
          elseif known and known ~= '' then
            \(findRecord)
            isNew = false
          else
            kept = call('SET', record, text, 'EX', '\(IdempotencyKey.lifetimeSeconds)')
            if kept.err then problem, isOwn = kept.err, true end
          end
        end
        """
    }

    /// The begin of each message, once its words are taken: `extra` becomes the word that only an
    /// extended message has, and `record` and `isNew` as in `scriptCheck`.
    static let scriptStart = start(ProducerScripts.findRecord, "")

    /// As `scriptStart`, for a script that tells of each message: the record that is known becomes
    /// `found`, and `isExempt` tells whether no rule refuses the message.
    static let scriptStartTellingOfEach = start(
        "found = known",
        """
        local isExempt, found = kind >= \(UInt8(ascii: "0") + ProducerTraits.exemptBit), nil
        if isExempt then kind = kind - \(ProducerTraits.exemptBit) end
        """)

    private static func start(_ findRecord: String, _ exemption: String) -> String {
        """
        local isNew, record, extra = index >= skipped, nil, nil
        local kind = isPlain and \(ProducerTraits().digit) or string.byte(kinds, index + 1)
        \(exemption)
        if kind >= \(ProducerTraits(isExtended: true).digit) then
          extra = argv[at]
          at = at + 1
        end
        if kind % 2 == 1 then
          \(scriptCheck(findRecord))
        end
        """
    }

    /// Makes the record void.
    static let scriptUndo = "redis.call('SET', record, '', 'PX', 1)"

    /// Adds the record's key to a batch.
    ///
    /// - Parameter tag: of the record's queue, with its braces (`HashTag`).
    /// - Returns: the number of keys: 0 without an idempotency key.
    func addKey(of tag: [UInt8], to keys: inout RedisCommand) -> Int {
        guard let idempotencyKey else { return 0 }
        let key = idempotencyKey.description.utf8
        let start = TransactionRecord.keyStart
        let count =
            start.utf8CodeUnitCount + tag.count + 1 + ASCII.decimalLength(userID)
            + 1 + key.count
        keys.word(count: count) { word in
            word.append(start)
            word.append(copying: tag.span)
            word.append(":")
            word.append(decimal: userID)
            word.append(":")
            word.append(copying: key.span)
        }
        return 1
    }

    private static var keyStart: StaticString { "core-api:idempotency:" }

    /// The number of words of the record's text: 0 without an idempotency key.
    var textCount: Int { idempotencyKey == nil ? 0 : 1 }

    /// Adds the record's text to a batch; nothing without an idempotency key.
    func addText(to words: inout OutputSpan<UInt8>) {
        guard idempotencyKey != nil else { return }
        words.word(count: textLength) { appendText(to: &$0) }
    }

    /// The length of the text in bytes.
    var textLength: Int {
        TransactionID.textLength + 1 + ASCII.decimalLength(amount.minorUnits) + 1
            + CurrencyCode.length
    }

    private func appendText(to word: inout OutputSpan<UInt8>) {
        id.append(to: &word)
        word.append(" ")
        word.append(decimal: amount.minorUnits)
        word.append(" ")
        currency.append(to: &word)
    }

    /// The record's text.
    var text: [UInt8] {
        [UInt8](capacity: textLength) { appendText(to: &$0) }
    }

    /// The words of a record's text, with a space between each and the next.
    @inline(never) static func words(_ text: [UInt8]) -> [String] {
        text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The id in the text of a record; nil of another program's text.
    private static func id(in text: [UInt8]) -> TransactionID? {
        let words = TransactionRecord.words(text)
        guard words.count == 3, !words[1].hasPrefix("0"),
            Digits.clampedInteger(words[1].utf8.span.indices, of: words[1].utf8.span) != nil,
            CurrencyCode(queued: words[2]) != nil
        else { return nil }
        return TransactionID(words[0])
    }

    /// What it means that this record was there already: the script has applied nothing now.
    func outcome(found: [UInt8]) throws(QueueError) -> EnqueueOutcome {
        let text = text
        // An attempt of ours whose answer was lost.
        if found == text { return .enqueued }
        guard let foundID = TransactionRecord.id(in: found) else {
            // Another program's text. Nothing is enqueued, now or by an earlier attempt, whose
            // record this would be.
            throw .unavailable(.protocolViolation)
        }
        let idLength = TransactionID.textLength
        guard found.dropFirst(idLength) == text.dropFirst(idLength) else {
            throw .idempotencyKeyReused
        }
        return .replayed(foundID)
    }
}
