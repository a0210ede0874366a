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
/// A status (`TransactionStatusRecord`) is written after the entry, whose id it has. The status of
/// a batch's first entry is also written before it, so that a refusal leaves nothing visible: Redis
/// does not refuse the same command later in the script.
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
        let hasFeatures = parts != QueueFeatures.Parts()
        let fields = status?.field ?? ""
        return RedisScript(
            QueueFeatures.lines(
                """
                \(ProducerScripts.batchStart)
                local stream, at, key = KEYS[2], \(wordStart), \(keyCount)
                \(status?.start ?? "")
                \(limit?.start ?? "")
                local done = 0
                \(hasFeatures ? "" : plainMessages)
                for index = done, \(parts.limitsRate ? "(problem and 0 or count)" : "count") - 1 do
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
                      local parent = string.sub(extra, 1, \(TraceParent.length))
                      local state = string.sub(extra, \(TraceParent.length + 2))
                      added = \(add(", 'traceparent', parent, 'tracestate', state" + fields))
                    elseif extra then
                      added = \(add(", 'traceparent', extra" + fields))
                    else
                      added = \(add(fields))
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

    /// Adds the entry of a message.
    private static func add(_ moreFields: String) -> String {
        """
        call('XADD', stream, '*', 'id', id, 'amount', amount, 'currency', currency,
          'user_id', user, 'created_at', time\(moreFields))
        """
    }

    /// The messages of a batch without keys and traces of which nothing was applied before, as
    /// nearly all batches are: 2 % fewer instructions than by the lines that follow. They stop
    /// before the first message that Redis refuses: the lines that follow send it again.
    private static let plainMessages = """
        for index = 1, isPlain and skipped == 0 and count or 0 do
          local added = call('XADD', stream, '*', 'id', argv[at], 'amount', argv[at + 1],
            'currency', argv[at + 2], 'user_id', argv[at + 3], 'created_at', argv[at + 4])
          if added.err then break end
          at, done = at + 5, index
        end
        """

    /// The lines of a script that keeps statuses.
    private struct StatusParts {
        let start = "local keep, isProven = argv[5], false"
        let key = """
            key = key + 1
            local status = KEYS[key]
            """
        let before = """
            local constants = ' ' .. user .. ' ' .. amount .. ' ' .. currency .. ' ' .. time
            if not problem and isNew and not isProven then
              local kept = call('SET', status, 'queued 0 0 -' .. constants, 'EX', keep)
              if kept.err then
                if record then \(TransactionRecord.scriptUndo) end
                problem = kept.err
              end
              isProven = not problem
            end
            """
        let field = ", 'status_seconds', keep"
        let undo = "call('SET', status, '', 'PX', 1)"
        let after = """
            else
              call('SET', status, 'queued 0 0 ' .. added .. constants, 'EX', keep)
            """
    }
}
