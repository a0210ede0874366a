internal import CoreAPIBase
internal import CoreAPIRedis

/// A transaction as a job of python-rq (1.10 and later): a hash with the job, and its id in a list.
///
///     SADD  rq:queues rq:queue:NAME
///     HSET  rq:job:ID     data created_at enqueued_at description origin status timeout …
///     RPUSH rq:queue:NAME ID
///
/// as one atomic step, a script, since a worker drops an id without a hash. `data` calls
/// `__main__.make_transaction(user_id=…, amount=…, currency=…)`. The timestamps have six digits of
/// fraction and a `Z`: workers die of any other form.
struct RQJob {
    /// The function of the PSP connector, in the module that it starts with.
    static let function = "__main__.make_transaction"
    /// How long the job may run.
    static let timeoutSeconds = 180

    private let transaction: Transaction
    private let queue: Queue

    /// A queue's name, and the key of its list, made once.
    struct Queue {
        let name: [UInt8]
        let key: [UInt8]

        init(_ name: String) {
            self.name = Array(name.utf8)
            key = Array("rq:queue:\(name)".utf8)
        }
    }

    init(_ transaction: Transaction, queue: Queue) {
        self.transaction = transaction
        self.queue = queue
    }

    /// Record and job as one step: 1, or the record that was there before. See `TransactionRecord`
    /// for why a refused step leaves no record.
    ///
    /// The push comes last, so that workers see all of it or nothing. `meta` cannot be refused
    /// where the fields before it were not: it is the same command on the same key. If Redis
    /// refuses a step, since a key has another type or a right is missing, no more than the queue's
    /// name is left; where the push is refused and `DEL` as well, also the job's hash, which no
    /// list names and no later job has. Only a hash that this very call has made is removed.
    ///
    /// - KEYS: the record, the job's hash, the queue's list, the set of all queues.
    /// - ARGV: the record's text and lifetime in seconds; the job's id; data, timestamp,
    ///   description, origin, and meta, which is empty where there is none.
    static let script = RedisScript(
        """
        \(TransactionRecord.scriptStart)
        local reply = redis.pcall('SADD', KEYS[4], KEYS[3])
        if type(reply) ~= 'table' then
          reply = redis.pcall('HSET', KEYS[2], 'data', ARGV[4], 'created_at', ARGV[5],
            'enqueued_at', ARGV[5], 'description', ARGV[6], 'origin', ARGV[7],
            'status', 'queued', 'timeout', '\(timeoutSeconds)', 'started_at', '',
            'ended_at', '', 'last_heartbeat', '', 'worker_name', '',
            'success_callback_name', '', 'failure_callback_name', '')
          if type(reply) ~= 'table' then
            local isNew = reply > 0
            if ARGV[8] ~= '' then
              redis.call('HSET', KEYS[2], 'meta', ARGV[8])
            end
            reply = redis.pcall('RPUSH', KEYS[3], ARGV[3])
            if type(reply) ~= 'table' then
              return 1
            end
            if isNew then redis.pcall('DEL', KEYS[2]) end
          end
        end
        \(TransactionRecord.scriptUndo)
        return reply
        """, keys: 4, arguments: 8)

    /// The call of the script.
    func command(_ record: TransactionRecord) -> RedisCommand {
        var command = RedisCommand(calling: RQJob.script)
        record.addKey(of: queue.key.span, to: &command)
        command.word(count: RQJob.keyStart.utf8CodeUnitCount + TransactionID.textLength) { word in
            word.append(RQJob.keyStart)
            word.append(copying: record.id.span)
        }
        command.word(queue.key)
        command.word(literal: "rq:queues")
        record.addText(to: &command)
        command.word(decimal: record.lifetimeSeconds)
        command.word(count: TransactionID.textLength) { $0.append(copying: record.id.span) }
        command.word(count: pickleLength) { appendPickle(to: &$0) }
        command.word(transaction.createdAt)
        addDescription(to: &command)
        command.word(queue.name)
        command.word(meta)
        return command
    }

    private static var keyStart: StaticString { "rq:job:" }

    /// Adds the call as Python would write it, arguments sorted by name, as the next word.
    private func addDescription(to command: inout RedisCommand) {
        let (amount, user) = (transaction.amount.minorUnits, transaction.userID)
        let parts = RQJob.descriptionParts
        let count =
            parts.amount.count + ASCII.decimalLength(amount) + parts.currency.count
            + CurrencyCode.length + parts.user.count + ASCII.decimalLength(user) + 1
        command.word(count: count) { word in
            word.append(copying: parts.amount.span)
            word.append(decimal: amount)
            word.append(copying: parts.currency.span)
            transaction.currency.append(to: &word)
            word.append(copying: parts.user.span)
            word.append(decimal: user)
            word.append(")")
        }
    }

    private static let descriptionParts = (
        amount: Array("\(RQJob.function)(amount=".utf8), currency: Array(", currency='".utf8),
        user: Array("', user_id=".utf8)
    )

    // MARK: - Pickle

    /// What every job's pickle has before its values: (function, None, (), {user_id: …
    private static let pickleParts = (
        user: Pickle.start + Pickle.mark + Pickle.text(RQJob.function) + Pickle.none
            + Pickle.emptyTuple + Pickle.emptyDictionary + Pickle.mark + Pickle.text("user_id"),
        amount: Pickle.text("amount"),
        currency: Pickle.text("currency") + Pickle.textStart(length: CurrencyCode.length),
        end: Pickle.setItems + Pickle.tuple + Pickle.stop
    )

    /// The job's `meta`, `{'traceparent': …}` pickled; empty where there is no trace.
    var meta: [UInt8] {
        guard let traceParent = transaction.traceParent else { return [] }
        return Pickle.start + Pickle.emptyDictionary + Pickle.mark + Pickle.text("traceparent")
            + Pickle.text(traceParent.description) + Pickle.setItems + Pickle.stop
    }

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        [UInt8](capacity: pickleLength) { appendPickle(to: &$0) }
    }

    private var pickleLength: Int {
        let parts = RQJob.pickleParts
        return parts.user.count + Pickle.integerLength(transaction.userID)
            + parts.amount.count + Pickle.integerLength(transaction.amount.minorUnits)
            + parts.currency.count + CurrencyCode.length + parts.end.count
    }

    private func appendPickle(to pickle: inout OutputSpan<UInt8>) {
        let parts = RQJob.pickleParts
        pickle.append(copying: parts.user.span)
        Pickle.append(transaction.userID, to: &pickle)
        pickle.append(copying: parts.amount.span)
        Pickle.append(transaction.amount.minorUnits, to: &pickle)
        pickle.append(copying: parts.currency.span)
        transaction.currency.append(to: &pickle)
        pickle.append(copying: parts.end.span)
    }
}
