internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as an entry of a Redis Stream: five fields, or six, all text.
///
///     id          f47ac10b-58cc-4372-a567-0e02b2c3d479    lower-case UUID, the transaction's
///     amount      100                                     in the currency's minor unit
///     currency    USD                                     ISO 4217
///     user_id     1
///     created_at  2021-11-04T11:57:11.123456Z             UTC, always six digits of fraction
///     traceparent 00-4bf92f35…-00f067aa0ba902b7-01        W3C Trace Context, if there is one
struct StreamEntry {
    private let transaction: Transaction

    init(_ transaction: Transaction) { self.transaction = transaction }

    /// Record and entry as one step: 1, or the record that was there before. If Redis refuses the
    /// entry, since the key has another type or a right is missing, nothing is left: see
    /// `TransactionRecord`.
    ///
    /// - KEYS: the record, the stream.
    /// - ARGV: the record's text and lifetime in seconds; then the entry's values, of which the
    ///   last is empty where there is no trace.
    static let script = RedisScript(
        """
        \(TransactionRecord.scriptStart)
        local added
        if ARGV[8] == '' then
          added = redis.pcall('XADD', KEYS[2], '*', 'id', ARGV[3], 'amount', ARGV[4],
            'currency', ARGV[5], 'user_id', ARGV[6], 'created_at', ARGV[7])
        else
          added = redis.pcall('XADD', KEYS[2], '*', 'id', ARGV[3], 'amount', ARGV[4],
            'currency', ARGV[5], 'user_id', ARGV[6], 'created_at', ARGV[7],
            'traceparent', ARGV[8])
        end
        if type(added) == 'table' then
          \(TransactionRecord.scriptUndo)
          return added
        end
        return 1
        """, keys: 2, arguments: 8)

    /// The call of the script.
    func command(key: String, _ record: TransactionRecord) -> RedisCommand {
        var command = RedisCommand(calling: StreamEntry.script)
        record.addKey(of: key.utf8.span, to: &command)
        command.word(key)
        record.addText(to: &command)
        command.word(decimal: record.lifetimeSeconds)
        command.word(count: TransactionID.textLength) { $0.append(copying: record.id.span) }
        command.word(decimal: transaction.amount.minorUnits)
        command.word(transaction.currency)
        command.word(decimal: transaction.userID)
        command.word(transaction.createdAt)
        command.word(transaction.traceParent?.utf8 ?? [])
        return command
    }
}
