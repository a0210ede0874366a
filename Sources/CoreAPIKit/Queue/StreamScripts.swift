internal import CoreAPIRedis

/// The scripts that apply a batch to a stream: an entry for each transaction, after the record of
/// its idempotency key if it has one (`TransactionRecord`). The first command that Redis refuses
/// ends the batch: the transactions before it are applied.
///
/// - KEYS: the session, the stream, with a limit the session's refusals; then of each transaction
///   its user's rate, if that is limited, its status, if that is kept, and its record, if it has an
///   idempotency key.
/// - ARGV: those of `ProducerScripts.batchStart`; the words of `QueueFeatures`; then of each
///   transaction the entry's values, the trace if there is one (`TRACEPARENT` or `TRACEPARENT
///   TRACESTATE`), and the record's text if it has an idempotency key.
///
/// A status (`TransactionStatusRecord`) is written before the entry, so that a refusal leaves
/// nothing visible, and again with the entry's id, by the same command, which is not refused then.
enum StreamScripts {
    private static let plain = make(QueueFeatures.Parts())
    private static let withStatus = make(QueueFeatures.Parts(keepsStatus: true))
    private static let withLimit = make(QueueFeatures.Parts(limitsRate: true))
    private static let withBoth = make(QueueFeatures.Parts(keepsStatus: true, limitsRate: true))

    static func script(_ features: QueueFeatures) -> RedisScript {
        let parts = features.parts
        return parts.limitsRate
            ? (parts.keepsStatus ? withBoth : withLimit)
            : (parts.keepsStatus ? withStatus : plain)
    }

    private static func make(_ parts: QueueFeatures.Parts) -> RedisScript {
        let status = parts.keepsStatus ? StatusParts() : nil
        let limit = parts.limit(wordStart: 5, queueKeyCount: 2)
        let (wordStart, keyCount) = (5 + parts.wordCount, parts.limitsRate ? 3 : 2)
        return RedisScript(
            QueueFeatures.lines(
                """
                \(ProducerScripts.batchStart)
                local stream, at, key = KEYS[2], \(wordStart), \(keyCount)
                \(status?.start ?? "")
                \(limit?.start ?? "")
                for index = 0, \(parts.limitsRate ? "(problem and 0 or count)" : "count") - 1 do
                  local id, amount, currency = argv[at], argv[at + 1], argv[at + 2]
                  local user, time = argv[at + 3], argv[at + 4]
                  at = at + 5
                  \(limit?.key ?? "")
                  \(status?.key ?? "")
                  \(parts.recordStart)
                  \(limit?.before ?? "")
                  \(status?.before ?? "")
                  if not problem and isNew then
                    local added
                    if extra and #extra > \(TraceParent.length) then
                      added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                        'currency', currency, 'user_id', user, 'created_at', time,
                        'traceparent', string.sub(extra, 1, \(TraceParent.length)),
                        'tracestate', string.sub(extra, \(TraceParent.length + 2))\(
                        status?.field ?? ""))
                    elseif extra then
                      added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                        'currency', currency, 'user_id', user, 'created_at', time,
                        'traceparent', extra\(status?.field ?? ""))
                    else
                      added = call('XADD', stream, '*', 'id', id, 'amount', amount,
                        'currency', currency, 'user_id', user, 'created_at', time\(
                        status?.field ?? ""))
                    end
                    if added.err then
                      if record then \(TransactionRecord.scriptUndo) end
                      \(status?.undo ?? "")
                      problem = added.err
                    \(status?.after ?? "")
                    end
                  end
                  \(limit?.end ?? "")
                  if problem then
                    applied = index
                    break
                  end
                end
                \(limit?.last ?? "")
                \(ProducerScripts.batchEnd)
                """))
    }

    /// The lines of a script that keeps statuses.
    private struct StatusParts {
        let start = "local keep = argv[5]"
        let key = """
            key = key + 1
            local status = KEYS[key]
            """
        let before = """
            local constants = ' ' .. user .. ' ' .. amount .. ' ' .. currency .. ' ' .. time
            if not problem and isNew then
              local kept = call('SET', status, 'queued 0 0 -' .. constants, 'EX', keep)
              if kept.err then
                if record then \(TransactionRecord.scriptUndo) end
                problem = kept.err
              end
            end
            """
        let field = ", 'status_seconds', keep"
        let undo = "redis.call('SET', status, '', 'PX', 1)"
        let after = """
            else
              redis.call('SET', status, 'queued 0 0 ' .. added .. constants, 'EX', keep)
            """
    }
}
