/// A transaction as a job of python-rq (1.10 and later): a hash with the job, and its id in a list.
///
///     SADD  rq:queues rq:queue:NAME
///     HSET  rq:job:ID     created_at enqueued_at data description origin status timeout …
///     RPUSH rq:queue:NAME ID
///
/// as one atomic step (MULTI, EXEC), the hash before the push, since a worker drops an id without a
/// hash. `data` calls `__main__.make_transaction(user_id=…, amount=…, currency=…)`. The timestamps
/// have six digits of fraction and a `Z`: workers die of any other form.
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

    /// MULTI to EXEC: five replies, of which the last has those of the three commands.
    var commands: RedisCommand {
        var command = RedisCommand(capacity: 1024)
        command.add("MULTI")
        command.add("SADD", "rq:queues", "rq:queue:\(queue)")
        addHash(to: &command)
        command.begin(wordCount: 3)
        command.word("RPUSH")
        command.word("rq:queue:\(queue)")
        command.word(transaction.id.utf8)
        command.add("EXEC")
        return command
    }

    private func addHash(to command: inout RedisCommand) {
        let timestamp = transaction.createdAt.timestamp
        let texts = [
            ("created_at", timestamp), ("enqueued_at", timestamp), ("description", description),
            ("origin", queue), ("status", "queued"), ("timeout", String(RQJob.timeoutSeconds)),
        ]
        let empty = [
            "started_at", "ended_at", "last_heartbeat", "worker_name", "success_callback_name",
            "failure_callback_name",
        ]
        command.begin(wordCount: 4 + 2 * (texts.count + empty.count))
        command.word("HSET")
        command.word("rq:job:\(transaction.id)")
        command.word("data")
        command.word(pickle)
        for (field, text) in texts {
            command.word(field)
            command.word(text)
        }
        for field in empty {
            command.word(field)
            command.word("")
        }
    }

    /// The call as Python would write it, arguments sorted by name.
    private var description: String {
        "\(RQJob.function)(amount=\(transaction.amount.minorUnits), "
            + "currency='\(transaction.currency)', user_id=\(transaction.userID))"
    }

    /// `(function, None, (), {arguments})`, pickled.
    var pickle: [UInt8] {
        var pickle = Pickle()
        pickle.mark()
        pickle.text(RQJob.function)
        pickle.none()
        pickle.emptyTuple()
        pickle.emptyDictionary()
        pickle.mark()
        pickle.text("user_id")
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
