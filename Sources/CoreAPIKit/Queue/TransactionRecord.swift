internal import CoreAPIBase
internal import CoreAPIRedis

/// What Redis remembers of a transaction, so that a second attempt finds the first: the text
/// `ID AMOUNT CURRENCY`, such as `f47ac10b-58cc-4372-a567-0e02b2c3d479 100 USD`.
///
///     core-api:idempotency:{TAG}:USER_ID:KEY    with an idempotency key, for 24 hours
///     core-api:transaction:{TAG}:ID             without: this process's own attempts, for two
///                                               minutes
///
/// `TAG` is the queue's own key, so a record belongs to one queue and lies in its slot of a Redis
/// Cluster. It has no braces (`QueueNameError`), so no two queues have a record's key in common.
///
/// The record and the enqueueing are one script, so nothing sees one without the other. Redis does
/// not roll a script back: what the steps before a refused one wrote stays. Hence this order:
///
/// 1. `SET` writes the record, unless there is one. Refused, nothing is written. A full memory, a
///    replica and a full disk refuse here and nowhere later: the first write of a script is the
///    only one that Redis checks for them.
/// 2. The steps of the queue, by `pcall`. The last one alone, `RPUSH` or `XADD`, makes the
///    transaction visible, so one that is refused leaves nothing for a worker.
/// 3. Refused, the record is made void by the command that has just succeeded on this key, `SET`:
///    neither a right nor a type refuses it here.
///
/// A void record is an empty text that lives for a millisecond. A script that finds one in that
/// time takes it for none, so it does not matter when Redis removes it.
///
/// A script that finds a record writes it again. A barrier (`RedisBarrier`) waits for the writes of
/// its own connection alone, since Redis 7.2: without one it would confirm what an earlier
/// connection has written, and what no replica or file has yet. Redis before 6 refuses KEEPTTL,
/// which does no harm: its barriers wait for all that was written before.
struct TransactionRecord {
    private let transaction: Transaction
    private let idempotencyKey: IdempotencyKey?
    /// The transaction's id as text, which the record and its job have several times.
    let id: InlineArray<36, UInt8>

    init(_ transaction: Transaction, _ idempotencyKey: IdempotencyKey?) {
        self.transaction = transaction
        self.idempotencyKey = idempotencyKey
        id = transaction.id.text
    }

    /// What every script begins with: it writes the record, KEYS[1] with the text ARGV[1] for
    /// ARGV[2] seconds, or ends with the one that is there, unless that is void.
    static let scriptStart = """
        if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then
          local found = redis.call('GET', KEYS[1])
          if found ~= '' then
            redis.pcall('SET', KEYS[1], found, 'KEEPTTL')
            return found
          end
          redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
        end
        """

    /// What every script does when Redis refuses a later step: it makes the record void.
    static let scriptUndo = "redis.call('SET', KEYS[1], '', 'PX', 1)"

    /// How long a transaction without an idempotency key is remembered: longer than any of its
    /// attempts may be under way.
    static let ownLifetimeSeconds = 120

    /// How long the record is kept.
    var lifetimeSeconds: Int {
        idempotencyKey == nil
            ? TransactionRecord.ownLifetimeSeconds : IdempotencyKey.lifetimeSeconds
    }

    /// Adds the record's key to the command, as its next word.
    ///
    /// - Parameter queueKey: the key of the record's queue, which is the tag.
    func addKey(of queueKey: Span<UInt8>, to command: inout RedisCommand) {
        command.word(count: keyLength(queueKey)) { appendKey(queueKey, to: &$0) }
    }

    private func keyLength(_ queueKey: Span<UInt8>) -> Int {
        let tagLength = queueKey.count + TransactionRecord.tagEnd.utf8CodeUnitCount
        guard let idempotencyKey else {
            return TransactionRecord.ownStart.utf8CodeUnitCount + tagLength
                + TransactionID.textLength
        }
        return TransactionRecord.keyedStart.utf8CodeUnitCount + tagLength
            + ASCII.decimalLength(transaction.userID) + 1 + idempotencyKey.description.utf8.count
    }

    private func appendKey(_ queueKey: Span<UInt8>, to word: inout OutputSpan<UInt8>) {
        word.append(
            idempotencyKey == nil ? TransactionRecord.ownStart : TransactionRecord.keyedStart)
        word.append(copying: queueKey)
        word.append(TransactionRecord.tagEnd)
        if let idempotencyKey {
            word.append(decimal: transaction.userID)
            word.append(":")
            word.append(text: idempotencyKey.description)
        } else {
            word.append(copying: id.span)
        }
    }

    /// The record's key.
    ///
    /// - Parameter queueKey: the key of the record's queue.
    func key(of queueKey: Span<UInt8>) -> [UInt8] {
        [UInt8](capacity: keyLength(queueKey)) { appendKey(queueKey, to: &$0) }
    }

    private static var keyedStart: StaticString { "core-api:idempotency:{" }
    private static var ownStart: StaticString { "core-api:transaction:{" }
    private static var tagEnd: StaticString { "}:" }

    /// Adds the record's text to the command, as its next word.
    func addText(to command: inout RedisCommand) {
        command.word(count: textLength) { appendText(to: &$0) }
    }

    private var textLength: Int {
        TransactionID.textLength + 1 + ASCII.decimalLength(transaction.amount.minorUnits) + 1
            + CurrencyCode.length
    }

    private func appendText(to word: inout OutputSpan<UInt8>) {
        word.append(copying: id.span)
        word.append(" ")
        word.append(decimal: transaction.amount.minorUnits)
        word.append(" ")
        transaction.currency.append(to: &word)
    }

    /// The record's text.
    var text: [UInt8] {
        [UInt8](capacity: textLength) { appendText(to: &$0) }
    }

    /// What it means that this record was there already.
    func outcome(found: [UInt8]) throws(QueueError) -> EnqueueOutcome {
        let text = text
        // An attempt of ours whose answer was lost.
        if found == text { return .enqueued }
        let idLength = TransactionID.textLength
        let foundID = String(decoding: found.prefix(idLength), as: UTF8.self)
        guard let foundID = TransactionID(foundID) else {
            throw .outcomeUnknown(.protocolViolation)
        }
        guard found.dropFirst(idLength) == text.dropFirst(idLength) else {
            throw .idempotencyKeyReused
        }
        return .replayed(foundID)
    }
}

extension EnqueueOutcome {
    /// What the script that enqueues answers: 1, or the record that it has found.
    @inline(__always) init(
        reply: RedisReply, _ record: @autoclosure () -> TransactionRecord
    ) throws(QueueError) {
        switch reply {
        case .integer(1): self = .enqueued
        case .bulk(let found): self = try record().outcome(found: found)
        case .integer, .status, .null, .array, .error: throw .outcomeUnknown(.protocolViolation)
        }
    }
}
