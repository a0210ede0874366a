internal import CoreAPIBase
internal import CoreAPIRedis

/// The record of a transaction of a stream, a text in Redis:
///
///     core-api:status:{TAG}:ID    STATE UPDATED ATTEMPTS ENTRY USER_ID AMOUNT CURRENCY CREATED_AT
///
/// such as `queued 0 0 1636027031123-0 1 100 USD 2021-11-04T11:57:11.123456Z`. `UPDATED` is in
/// milliseconds since 1970 by Redis's clock, 0 for `CREATED_AT`. `ENTRY` is the id of the latest
/// entry of the transaction. It lives for `statusSeconds` after its last change.
///
/// The entry itself says for how long, by its field `status_seconds`: so consumers need no option,
/// write nothing for entries without it, and write the record anew if it has expired meanwhile.
///
/// A delivery is no change of the record: `StreamStatus` finds it in the groups' lists of pending
/// entries (docs/decisions/0026-status.md).
struct TransactionStatusRecord {
    /// The longest time that a status is kept: a year.
    static let secondsBounds = 0...31_536_000

    private let transaction: Transaction

    init(_ transaction: Transaction) { self.transaction = transaction }

    // MARK: - The key

    private static var keyStart: StaticString { "core-api:status:" }

    /// - Parameter tag: of the queue or the partition, without braces.
    static func key(_ tag: String, _ id: TransactionID) -> String { "\(keyStart){\(tag)}:\(id)" }

    /// Adds the record's key to a batch.
    ///
    /// - Parameter tag: of the queue or the partition, with its braces (`HashTag`).
    /// - Returns: 1, the number of keys.
    func addKey(of tag: [UInt8], to keys: inout RedisCommand) -> Int {
        let start = TransactionStatusRecord.keyStart
        let count = start.utf8CodeUnitCount + tag.count + 1 + TransactionID.textLength
        keys.word(count: count) { word in
            word.append(start)
            word.append(copying: tag.span)
            word.append(":")
            transaction.id.append(to: &word)
        }
        return 1
    }

    // MARK: - Consumers

    /// What a consumer's script needs to write the record.
    struct Note: Equatable {
        let key: String
        /// How long the record lives after each change.
        let seconds: Int
        /// The words that no change concerns: `USER_ID AMOUNT CURRENCY CREATED_AT`.
        let constants: String
    }

    /// - Parameters:
    ///   - tag: of the partition of the entry.
    ///   - seconds: at least 1.
    func note(_ tag: String, seconds: Int) -> Note {
        let transaction = transaction
        return Note(
            key: TransactionStatusRecord.key(tag, transaction.id), seconds: seconds,
            constants: "\(transaction.userID) \(transaction.amount.minorUnits) "
                + "\(transaction.currency) \(transaction.createdAt.timestamp)")
    }

    // MARK: - Reading

    /// The status in a record's text; nil if it is no such text, or of another user.
    ///
    /// - Parameter userID: nil for any.
    static func status(
        of id: TransactionID, userID: Int?, _ text: [UInt8]
    ) -> TransactionStatus? {
        let words = TransactionRecord.words(text)
        guard words.count == 8, let state = TransactionStatus.State(rawValue: words[0]),
            let updated = Int64(words[1]), let attempts = Int(words[2]), let user = Int(words[4]),
            user >= 0, userID ?? user == user,
            let amount = Int(words[5]).flatMap({ Amount(queued: $0) }),
            let currency = CurrencyCode(queued: words[6]),
            let created = UnixTime(timestamp: words[7].utf8.span)
        else { return nil }
        return TransactionStatus(
            id: id, state: state, amount: amount, currency: currency, userID: user,
            createdAt: created, updatedAt: UnixTime(milliseconds: updated), attempts: attempts)
    }
}

extension UnixTime {
    /// - Parameter milliseconds: since 1970; out of bounds as `init(seconds:)`.
    init(milliseconds: Int64) {
        let (product, overflows) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        self.init(nanoseconds: overflows ? (milliseconds < 0 ? 0 : .max) : product)
    }
}
