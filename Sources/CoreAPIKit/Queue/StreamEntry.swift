internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as an entry of a Redis Stream: five to eight fields, all text.
///
///     id          f47ac10b-58cc-4372-a567-0e02b2c3d479    lower-case UUID, the transaction's
///     amount      100                                     in the currency's minor unit
///     currency    USD                                     ISO 4217
///     user_id     1
///     created_at  2021-11-04T11:57:11.123456Z             UTC, always six digits of fraction
///     traceparent 00-4bf92f35…-00f067aa0ba902b7-01        W3C Trace Context, if there is one
///     tracestate  congo=t61rcWkgMzE                       with it, if there is one
///     status_seconds 3600             how long each status is kept (`TransactionStatusRecord`), if
///                                     any is
enum StreamEntry {
    /// The call of the script for a partition.
    static func call(
        _ partitions: StreamPartitions, _ partition: Int = 0, _ features: QueueFeatures
    ) -> ProducerCall {
        var call = ProducerCall(
            script: StreamScripts.script(features), tag: Array(partitions.tag(partition).utf8),
            queueKeys: [Array(partitions.streamKey(partition).utf8)],
            queueWords: features.queueWords, tellsOfEach: features.rateLimit != nil)
        call.loginStep = partitions.claim
        return call
    }

    /// Adds a transaction's words to a batch.
    ///
    /// - Returns: how many words.
    static func addWords(
        _ transaction: Transaction, _ record: TransactionRecord, to words: inout RedisCommand
    ) -> Int {
        let bytesMax =
            TransactionID.textLength + CurrencyCode.length + UnixTime.timestampLength
            + traceLength(transaction) + record.textLength + 2 * RedisCommand.numberBytesMax
            + 5 * RedisCommand.framingBytesMax
        words.words(bytesMax: bytesMax) { words in
            words.word(transaction.id)
            words.word(decimal: transaction.amount.minorUnits)
            words.word(transaction.currency)
            words.word(decimal: transaction.userID)
            words.word(transaction.createdAt)
            if let traceParent = transaction.traceParent {
                words.word(traceParent, transaction.traceState)
            }
            record.addText(to: &words)
        }
        return 5 + (transaction.traceParent == nil ? 0 : 1) + record.textCount
    }

    /// Upper bound of the trace's word, in bytes.
    private static func traceLength(_ transaction: Transaction) -> Int {
        TraceParent.length + (transaction.traceState.map { 1 + $0.utf8.count } ?? 0)
    }
}
