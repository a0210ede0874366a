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
    let key: [UInt8]
    let lifetimeSeconds: Int
    let text: [UInt8]
    /// The transaction's id, as the text begins with it.
    let id: [UInt8]

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

    init(_ transaction: Transaction, _ idempotencyKey: IdempotencyKey?) {
        id = transaction.id.utf8
        var text = id
        text.append(UInt8(ascii: " "))
        text.append(decimal: transaction.amount.minorUnits)
        text.append(UInt8(ascii: " "))
        text.append(text: transaction.currency.alphabetic)
        self.text = text
        var key: [UInt8] = []
        key.reserveCapacity(64)
        if let idempotencyKey {
            key.append(text: "core-api:idempotency:")
            key.append(decimal: transaction.userID)
            key.append(UInt8(ascii: ":"))
            key.append(text: idempotencyKey.description)
            lifetimeSeconds = IdempotencyKey.lifetimeSeconds
        } else {
            key.append(text: "core-api:transaction:")
            key += id
            lifetimeSeconds = TransactionRecord.ownLifetimeSeconds
        }
        self.key = key
    }

    /// What it means that this record was there already.
    func outcome(found: [UInt8]) throws(QueueError) -> EnqueueOutcome {
        // An attempt of ours whose answer was lost.
        if found == text { return .enqueued }
        let foundID = String(decoding: found.prefix(id.count), as: UTF8.self)
        guard let foundID = TransactionID(foundID) else {
            throw .outcomeUnknown(.protocolViolation)
        }
        guard found.dropFirst(id.count) == text.dropFirst(id.count) else {
            throw .idempotencyKeyReused
        }
        return .replayed(foundID)
    }
}
