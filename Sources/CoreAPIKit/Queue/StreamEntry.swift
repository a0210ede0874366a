/// A transaction as an entry of a Redis Stream: five fields, all text.
///
///     id          f47ac10b-58cc-4372-a567-0e02b2c3d479    lower-case UUID, the transaction's
///     amount      100                                     in the currency's minor unit
///     currency    USD                                     ISO 4217
///     user_id     1
///     created_at  2021-11-04T11:57:11.123456Z             UTC, always six digits of fraction
struct StreamEntry {
    private let transaction: Transaction

    init(_ transaction: Transaction) { self.transaction = transaction }

    /// `XADD key * id … created_at …`.
    func command(key: String) -> RedisCommand {
        var command = RedisCommand()
        command.begin(wordCount: 13)
        command.word("XADD")
        command.word(key)
        command.word("*")
        command.word("id")
        command.word(transaction.id.utf8)
        command.word("amount")
        command.word(String(transaction.amount.minorUnits))
        command.word("currency")
        command.word(transaction.currency.alphabetic)
        command.word("user_id")
        command.word(String(transaction.userID))
        command.word("created_at")
        command.word(transaction.createdAt.timestamp)
        return command
    }
}
