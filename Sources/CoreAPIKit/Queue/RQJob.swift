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
    private let queue: String

    init(_ transaction: Transaction, queue: String) {
        self.transaction = transaction
        self.queue = queue
    }

    /// Record and job as one step: 1, or the record that was there before.
    ///
    /// The push comes last, so that workers see all of it or nothing. If Redis refuses a part,
    /// since a key has another type or a right is missing, no more than the queue's name is left.
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
        end
        if type(reply) ~= 'table' and ARGV[8] ~= '' then
          reply = redis.pcall('HSET', KEYS[2], 'meta', ARGV[8])
        end
        if type(reply) ~= 'table' then
          reply = redis.pcall('RPUSH', KEYS[3], ARGV[3])
        end
        if type(reply) == 'table' then
          redis.call('DEL', KEYS[1], KEYS[2])
          return reply
        end
        return 1
        """, keys: 4, arguments: 8)

    /// The call of the script.
    func command(_ record: TransactionRecord) -> RedisCommand {
        var command = RedisCommand(calling: RQJob.script)
        command.word(record.key)
        command.word("rq:job:", record.id)
        command.word("rq:queue:", Array(queue.utf8))
        command.word("rq:queues")
        command.word(record.text)
        command.word(decimal: record.lifetimeSeconds)
        command.word(record.id)
        command.word(pickle)
        command.word(transaction.createdAt)
        command.word(description)
        command.word(queue)
        command.word(meta)
        return command
    }

    /// The call as Python would write it, arguments sorted by name.
    private var description: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(128)
        text.append(text: RQJob.function)
        text.append(text: "(amount=")
        text.append(decimal: transaction.amount.minorUnits)
        text.append(text: ", currency='")
        text.append(text: transaction.currency.alphabetic)
        text.append(text: "', user_id=")
        text.append(decimal: transaction.userID)
        text.append(UInt8(ascii: ")"))
        return text
    }

    /// The job's `meta`, `{'traceparent': …}` pickled; empty where there is no trace.
    var meta: [UInt8] {
        guard let traceParent = transaction.traceParent else { return [] }
        var pickle = Pickle()
        pickle.emptyDictionary()
        pickle.mark()
        pickle.text("traceparent")
        pickle.text(traceParent.description)
        pickle.setItems()
        return pickle.finished()
    }

    /// What every job's pickle begins with, up to the first value.
    private static let pickleStart = {
        var pickle = Pickle()
        pickle.mark()
        pickle.text(RQJob.function)
        pickle.none()
        pickle.emptyTuple()
        pickle.emptyDictionary()
        pickle.mark()
        pickle.text("user_id")
        return pickle
    }()

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        var pickle = RQJob.pickleStart
        pickle.integer(transaction.userID)
        pickle.text("amount")
        pickle.integer(transaction.amount.minorUnits)
        pickle.text("currency")
        pickle.text(transaction.currency.alphabetic)
        pickle.setItems()
        pickle.tuple()
        return pickle.finished()
    }
}
