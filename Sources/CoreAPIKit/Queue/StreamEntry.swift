internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as an entry of a Redis Stream: five to seven fields, all text.
///
///     id          f47ac10b-58cc-4372-a567-0e02b2c3d479    lower-case UUID, the transaction's
///     amount      100                                     in the currency's minor unit
///     currency    USD                                     ISO 4217
///     user_id     1
///     created_at  2021-11-04T11:57:11.123456Z             UTC, always six digits of fraction
///     traceparent 00-4bf92f35…-00f067aa0ba902b7-01        W3C Trace Context, if there is one
///     tracestate  congo=t61rcWkgMzE                       with it, if there is one
struct StreamEntry {
    private let transaction: Transaction

    init(_ transaction: Transaction) { self.transaction = transaction }

    /// Applies a batch: an entry for each transaction, after the record of its idempotency key if
    /// it has one (`TransactionRecord`). The first command that Redis refuses ends the batch: the
    /// transactions before it are applied.
    ///
    /// - KEYS: the session, the stream; then the records.
    /// - ARGV: those of `ProducerScripts.batchStart`; then of each transaction the entry's values,
    ///   the trace if there is one (`TRACEPARENT` or `TRACEPARENT TRACESTATE`), and the record's
    ///   text if it has an idempotency key.
    private static let script = RedisScript(
        """
        \(ProducerScripts.batchStart)
        local stream, at, key = KEYS[2], 5, 2
        for index = 0, count - 1 do
          local id, amount, currency = argv[at], argv[at + 1], argv[at + 2]
          local user, time = argv[at + 3], argv[at + 4]
          at = at + 5
          \(TransactionRecord.scriptStart)
          if not problem and isNew then
            local added
            if extra and #extra > \(TraceParent.length) then
              added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                'currency', currency, 'user_id', user, 'created_at', time,
                'traceparent', string.sub(extra, 1, \(TraceParent.length)),
                'tracestate', string.sub(extra, \(TraceParent.length + 2)))
            elseif extra then
              added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                'currency', currency, 'user_id', user, 'created_at', time,
                'traceparent', extra)
            else
              added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                'currency', currency, 'user_id', user, 'created_at', time)
            end
            if added.err then
              if record then \(TransactionRecord.scriptUndo) end
              problem = added.err
            end
          end
          if problem then
            applied = index
            break
          end
        end
        \(ProducerScripts.batchEnd)
        """)

    /// The call of the script for a partition.
    static func call(_ partitions: StreamPartitions, _ partition: Int = 0) -> ProducerCall {
        var call = ProducerCall(
            script: script, tag: Array(partitions.tag(partition).utf8),
            queueKeys: [Array(partitions.streamKey(partition).utf8)], queueWords: [])
        call.loginStep = partitions.claim
        return call
    }

    /// Adds the transaction's words to a batch.
    ///
    /// - Returns: how many words.
    func addWords(_ record: TransactionRecord, to words: inout RedisCommand) -> Int {
        let bytesMax =
            TransactionID.textLength + CurrencyCode.length + UnixTime.timestampLength
            + traceLength + record.textLength + 2 * RedisCommand.numberBytesMax
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
    private var traceLength: Int {
        TraceParent.length + (transaction.traceState.map { 1 + $0.utf8.count } ?? 0)
    }
}
