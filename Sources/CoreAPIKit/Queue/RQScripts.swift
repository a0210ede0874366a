internal import CoreAPIRedis

/// The scripts that apply a batch to a queue of python-rq: the record and the job of each
/// transaction, then all ids by one push, which makes them visible: workers see all of a job or
/// nothing.
///
/// The first command that Redis refuses ends the batch; what is complete by then is pushed. If the
/// push is refused, nothing is applied: the records are made void (`TransactionRecord`), what the
/// users' rates have taken is given back, and the hashes that this call has made are removed.
/// Without the right to `DEL` they stay, with ids that no list names and no later job has.
///
/// - KEYS: the session, the queue's list, the set of all queues, with a limit the session's
///   refusals; then of each transaction its user's rate, if that is limited, the job's hash, and
///   the record if it has an idempotency key.
/// - ARGV: those of `ProducerScripts.batchStart`; the queue's name; the words of `QueueFeatures`;
///   then of each transaction the job's id, data, timestamp, description, meta if there is a trace,
///   and the record's text if it has an idempotency key.
///
/// A status is rq's own: the job gets `result_ttl`.
enum RQScripts {
    static func script(_ features: QueueFeatures, _ options: RQJobOptions) -> RedisScript {
        let parts = features.parts
        let limit = parts.limit(wordStart: 6, queueKeyCount: 3)
        let (wordStart, keyCount) = (6 + parts.wordCount, parts.limitsRate ? 4 : 3)
        return RedisScript(
            QueueFeatures.lines(
                """
                \(ProducerScripts.batchStart)
                local list, origin, at, key = KEYS[2], argv[5], \(wordStart), \(keyCount)
                local ids, hashes, written, hashCount, idCount = {}, {}, {}, 0, 0
                \(limit?.start ?? "")
                \(limit == nil ? "" : "local taken = {}")
                local named = call('SADD', KEYS[3], list)
                if type(named) == 'table' then problem, applied = named.err, skipped end
                local done = 0
                \(limit == nil ? plainMessages(parts, options) : "")
                for index = done, (problem and 0 or count) - 1 do
                  local id, data = argv[at], argv[at + 1]
                  local time, description = argv[at + 2], argv[at + 3]
                  at = at + 4
                  \(limit?.key ?? "")
                  key = key + 1
                  local hash = KEYS[key]
                  \(parts.recordStart)
                  \(limit?.before ?? "")
                  \(job(parts, options))
                  \(limit?.end ?? "")
                  if problem then
                    applied = index
                    break
                  end
                end
                \(push(limit, keyCount))
                \(limit?.last ?? "")
                \(ProducerScripts.batchEnd)
                """))
    }

    /// A job's fields and their values, expressions of the script.
    private static func fields(
        data: String, time: String, description: String, more: [(String, String)] = [],
        _ parts: QueueFeatures.Parts, _ options: RQJobOptions
    ) -> [(String, String)] {
        let failure = options.failureLifetimeWord.map { [("failure_ttl", "'\($0)'")] } ?? []
        let lifetime = parts.keepsStatus ? [("result_ttl", "argv[6]")] : []
        return [
            ("data", data), ("created_at", time), ("enqueued_at", time),
            ("description", description), ("origin", "origin"), ("status", "'queued'"),
            ("timeout", "'\(options.timeoutWord)'"),
        ] + failure
            + [
                "started_at", "ended_at", "last_heartbeat", "worker_name",
                "success_callback_name", "failure_callback_name",
            ].map { ($0, "''") } + lifetime + more
    }

    /// Writes a job's hash, an expression of the script.
    private static func write(_ hash: String, _ fields: [(String, String)]) -> String {
        "call('HSET', \(hash), \(fields.map { "'\($0)', \($1)" }.joined(separator: ", ")))"
    }

    /// The job of a message.
    private static func job(_ parts: QueueFeatures.Parts, _ options: RQJobOptions) -> String {
        let taken = parts.limitsRate ? "if former then taken[#taken + 1] = {rate, former} end" : ""
        func write(_ more: [(String, String)]) -> String {
            let fields = fields(
                data: "data", time: "time", description: "description", more: more, parts, options)
            return RQScripts.write("hash", fields)
        }
        return """
            if not problem and isNew then
              local added
              if extra then
                added = \(write([("meta", "extra")]))
              else
                added = \(write([]))
              end
              if type(added) == 'table' then
                if record then \(TransactionRecord.scriptUndo) end
                problem, isOwn = added.err, string.find(added.err, 'WRONGTYPE', 1, true)
              else
                if added > 0 then
                  hashCount = hashCount + 1
                  hashes[hashCount] = hash
                end
                if record then written[#written + 1] = record end
                idCount = idCount + 1
                ids[idCount] = id
                \(taken)
              end
            end
            """
    }

    /// As `StreamScripts.plainMessages`. They stop before a hash that had fields before, too: all
    /// `done` hashes were made here.
    private static func plainMessages(
        _ parts: QueueFeatures.Parts, _ options: RQJobOptions
    ) -> String {
        let fields = fields(
            data: "argv[at + 1]", time: "time", description: "argv[at + 3]", parts, options)
        return """
            for index = 1, isPlain and skipped == 0 and not problem and count or 0 do
              local time = argv[at + 2]
              local added = \(write("KEYS[key + index]", fields))
              if added ~= \(fields.count) then break end
              ids[index], done = argv[at], index
              at = at + 4
            end
            hashCount, idCount, key = done, done, key + done
            """
    }

    /// Pushes all ids.
    private static func push(_ limit: RateLimitScript?, _ queueKeyCount: Int) -> String {
        let giveBack =
            limit.map {
                """
                for at = #taken, 1, -1 do
                  put(taken[at][1], taken[at][2][1], taken[at][2][2])
                end
                \($0.undoAll)
                """
            } ?? ""
        return """
            if idCount > 0 then
              local pushed = call('RPUSH', list, unpack(ids))
              if type(pushed) == 'table' then
                for _, record in ipairs(written) do \(TransactionRecord.scriptUndo) end
                for index = 1, done do hashes[index] = KEYS[\(queueKeyCount) + index] end
                if hashCount > 0 then call('DEL', unpack(hashes)) end
                problem, isOwn, applied = pushed.err, false, skipped
                \(giveBack)
              end
            end
            """
    }
}
