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
    let key: String
    let lifetimeSeconds: Int
    let text: String

    private let id: TransactionID

    /// How long a transaction without an idempotency key is remembered: longer than any of its
    /// attempts may be under way.
    static let ownLifetimeSeconds = 120

    init(_ transaction: Transaction, _ key: IdempotencyKey?) {
        id = transaction.id
        text = "\(id) \(transaction.amount.minorUnits) \(transaction.currency)"
        if let key {
            self.key = "core-api:idempotency:\(transaction.userID):\(key)"
            lifetimeSeconds = IdempotencyKey.lifetimeSeconds
        } else {
            self.key = "core-api:transaction:\(id)"
            lifetimeSeconds = TransactionRecord.ownLifetimeSeconds
        }
    }

    /// What it means that this record was there already.
    func outcome(found: [UInt8]) throws(QueueError) -> EnqueueOutcome {
        let foundText = String(decoding: found, as: UTF8.self)
        // An attempt of ours whose answer was lost.
        if foundText == text { return .enqueued }
        let idLength = TransactionID.textLength
        guard let foundID = TransactionID(String(foundText.prefix(idLength))) else {
            throw .outcomeUnknown(.protocolViolation)
        }
        guard foundText.dropFirst(idLength) == text.dropFirst(idLength) else {
            throw .idempotencyKeyReused
        }
        return .replayed(foundID)
    }
}
