internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as a job of python-rq (1.10 and later): a hash with the job, and its id in a list.
///
///     SADD  rq:queues rq:queue:NAME
///     HSET  rq:job:ID     data created_at enqueued_at description origin status timeout …
///     RPUSH rq:queue:NAME ID
///
/// in one atomic step, a script, since a worker drops an id without a hash. `data` calls
/// `__main__.make_transaction(user_id=…, amount=…, currency=…)`, or the function of `RQJobOptions`.
/// The timestamps have six digits of fraction and a `Z`: workers die of any other form.
struct RQJob {
    private let transaction: Transaction
    private let format: RQJobFormat

    init(_ transaction: Transaction, _ format: RQJobFormat) {
        self.transaction = transaction
        self.format = format
    }

    /// Applies a batch: the record and the job of each transaction, then all ids by one push, which
    /// makes them visible: workers see all of a job or nothing.
    ///
    /// The first command that Redis refuses ends the batch; what is complete by then is pushed. If
    /// the push is refused, nothing is applied: the records are made void (`TransactionRecord`),
    /// and the hashes that this call has made are removed. Without the right to `DEL` they stay,
    /// with ids that no list names and no later job has. `meta` cannot be refused where the fields
    /// before it were not: it is the same command on the same key.
    ///
    /// - KEYS: the session, the queue's list, the set of all queues; then of each transaction the
    ///   job's hash, and the record if it has an idempotency key.
    /// - ARGV: those of `ProducerScripts.batchStart`; the queue's name; then of each transaction
    ///   the job's id, data, timestamp, description, meta if there is a trace, and the record's
    ///   text if it has an idempotency key.
    private static func script(_ options: RQJobOptions, keepsStatus: Bool) -> RedisScript {
        let failure = options.failureLifetimeWord.map { "'failure_ttl', '\($0)', " } ?? ""
        return RedisScript(
            """
            \(ProducerScripts.batchStart)
            local list, origin, at, key = KEYS[2], argv[5], \(keepsStatus ? 7 : 6), 3
            local ids, hashes, written, hashCount, idCount = {}, {}, {}, 0, 0
            local named = call('SADD', KEYS[3], list)
            if type(named) == 'table' then problem, applied = named.err, skipped end
            for index = 0, (problem and 0 or count) - 1 do
              local id, data, time = argv[at], argv[at + 1], argv[at + 2]
              local description = argv[at + 3]
              at = at + 4
              key = key + 1
              local hash = KEYS[key]
              \(TransactionRecord.scriptStart)
              if not problem and isNew then
                local added = call('HSET', hash, 'data', data, 'created_at', time,
                  'enqueued_at', time, 'description', description, 'origin', origin,
                  'status', 'queued', 'timeout', '\(options.timeoutWord)', \(failure)
                  'started_at', '', 'ended_at', '', 'last_heartbeat', '', 'worker_name', '',
                  'success_callback_name', '', 'failure_callback_name', ''\(
                  keepsStatus ? ", 'result_ttl', argv[6]" : ""))
                if type(added) == 'table' then
                  if record then \(TransactionRecord.scriptUndo) end
                  problem, isOwn = added.err, string.find(added.err, 'WRONGTYPE', 1, true)
                else
                  if extra then redis.call('HSET', hash, 'meta', extra) end
                  if added > 0 then
                    hashCount = hashCount + 1
                    hashes[hashCount] = hash
                  end
                  if record then written[#written + 1] = record end
                  idCount = idCount + 1
                  ids[idCount] = id
                end
              end
              if problem then
                applied = index
                break
              end
            end
            if idCount > 0 then
              local pushed = call('RPUSH', list, unpack(ids))
              if type(pushed) == 'table' then
                for _, record in ipairs(written) do \(TransactionRecord.scriptUndo) end
                if hashCount > 0 then call('DEL', unpack(hashes)) end
                problem, isOwn, applied = pushed.err, false, skipped
              end
            end
            \(ProducerScripts.batchEnd)
            """)
    }

    /// The call of the script.
    static func call(
        _ keys: RQKeys, _ options: RQJobOptions, _ features: QueueFeatures
    ) -> ProducerCall {
        let list = Array(keys.list.utf8)
        return ProducerCall(
            script: script(options, keepsStatus: features.keepsStatus), tag: list,
            queueKeys: [list, Array(keys.queues.utf8)],
            queueWords: [Array(keys.name.utf8)] + features.queueWords)
    }

    /// Adds the key of the job's hash to a batch.
    ///
    /// - Returns: 1, the number of keys.
    func addKey(_ record: TransactionRecord, to keys: inout RedisCommand) -> Int {
        let start = format.keyStart
        keys.word(count: start.count + TransactionID.textLength) { word in
            word.append(copying: start.span)
            transaction.id.append(to: &word)
        }
        return 1
    }

    /// Adds the transaction's words to a batch.
    ///
    /// - Returns: how many words.
    func addWords(_ record: TransactionRecord, to words: inout RedisCommand) -> Int {
        let (pickleLength, descriptionLength, meta) = (pickleLength, descriptionLength, meta)
        let bytesMax =
            TransactionID.textLength + pickleLength + UnixTime.timestampLength + descriptionLength
            + meta.count + record.textLength + 6 * RedisCommand.framingBytesMax
        words.words(bytesMax: bytesMax) { words in
            words.word(transaction.id)
            words.word(count: pickleLength) { appendPickle(to: &$0) }
            words.word(transaction.createdAt)
            words.word(count: descriptionLength) { appendDescription(to: &$0) }
            if !meta.isEmpty { words.word(meta.span) }
            record.addText(to: &words)
        }
        return 4 + (meta.isEmpty ? 0 : 1) + record.textCount
    }

    private var descriptionLength: Int {
        let parts = format.descriptionParts
        return parts.amount.count + ASCII.decimalLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.user.count
            + ASCII.decimalLength(transaction.userID) + 1
    }

    /// Appends the call as Python would write it, arguments sorted by name.
    private func appendDescription(to word: inout OutputSpan<UInt8>) {
        let parts = format.descriptionParts
        word.append(copying: parts.amount.span)
        word.append(decimal: transaction.amount.minorUnits)
        word.append(copying: parts.currency.span)
        transaction.currency.append(to: &word)
        word.append(copying: parts.user.span)
        word.append(decimal: transaction.userID)
        word.append(")")
    }

    // MARK: - Pickle

    /// The job's `meta`, `{'traceparent': …, 'tracestate': …}` pickled; empty where there is no
    /// trace.
    var meta: [UInt8] {
        guard let traceParent = transaction.traceParent else { return [] }
        var meta =
            Pickle.start + Pickle.emptyDictionary + Pickle.mark + Pickle.text("traceparent")
            + Pickle.text(traceParent.description)
        if let traceState = transaction.traceState {
            meta += Pickle.text("tracestate") + Pickle.text(traceState.description)
        }
        return meta + Pickle.setItems + Pickle.stop
    }

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        [UInt8](capacity: pickleLength) { appendPickle(to: &$0) }
    }

    private var pickleLength: Int {
        let parts = format.pickleParts
        return parts.user.count + Pickle.integerLength(transaction.userID)
            + parts.amount.count + Pickle.integerLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.end.count
    }

    private func appendPickle(to pickle: inout OutputSpan<UInt8>) {
        let parts = format.pickleParts
        pickle.append(copying: parts.user.span)
        Pickle.append(transaction.userID, to: &pickle)
        pickle.append(copying: parts.amount.span)
        Pickle.append(transaction.amount.minorUnits, to: &pickle)
        pickle.append(copying: parts.currency.span)
        transaction.currency.append(to: &pickle)
        pickle.append(copying: parts.end.span)
    }
}
