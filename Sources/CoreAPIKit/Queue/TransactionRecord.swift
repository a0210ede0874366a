internal import CoreAPIBase
internal import CoreAPIRedis

/// What Redis remembers of a transaction, so that a second attempt finds the first: the text
/// `ID AMOUNT CURRENCY`, such as `f47ac10b-58cc-4372-a567-0e02b2c3d479 100 USD`.
///
///     core-api:idempotency:USER_ID:KEY    with an idempotency key, for 24 hours
///     core-api:transaction:ID             without: this process's own attempts, for two minutes
///
/// The record and the enqueueing are one script, so there is no moment at which only one is there.
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
    /// ARGV[2] seconds, or ends with the one that is there.
    static let scriptStart = """
        if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then
          local found = redis.call('GET', KEYS[1])
          redis.pcall('SET', KEYS[1], found, 'KEEPTTL')
          return found
        end
        """

    /// How long a transaction without an idempotency key is remembered: longer than any of its
    /// attempts may be under way.
    static let ownLifetimeSeconds = 120

    /// How long the record is kept.
    var lifetimeSeconds: Int {
        idempotencyKey == nil
            ? TransactionRecord.ownLifetimeSeconds : IdempotencyKey.lifetimeSeconds
    }

    /// Adds the record's key to the command, as its next word.
    func addKey(to command: inout RedisCommand) {
        command.word(count: keyLength) { appendKey(to: &$0) }
    }

    private var keyLength: Int {
        guard let idempotencyKey else {
            return TransactionRecord.ownStart.utf8CodeUnitCount + TransactionID.textLength
        }
        return TransactionRecord.keyedStart.utf8CodeUnitCount
            + ASCII.decimalLength(transaction.userID) + 1 + idempotencyKey.description.utf8.count
    }

    private func appendKey(to word: inout OutputSpan<UInt8>) {
        if let idempotencyKey {
            word.append(TransactionRecord.keyedStart)
            word.append(decimal: transaction.userID)
            word.append(":")
            word.append(text: idempotencyKey.description)
        } else {
            word.append(TransactionRecord.ownStart)
            word.append(copying: id.span)
        }
    }

    /// The record's key.
    var key: [UInt8] {
        [UInt8](capacity: keyLength) { appendKey(to: &$0) }
    }

    private static var keyedStart: StaticString { "core-api:idempotency:" }
    private static var ownStart: StaticString { "core-api:transaction:" }

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
