internal import CoreAPIRedis

/// The commands of one consumer of one group, for one partition of a stream.
struct ConsumerCommands: Sendable {
    /// The pseudo-consumer that owns the entries waiting for their next attempt. No process runs
    /// it.
    static let retryConsumerName = "retry"
    /// The maximum number of entries in one reply.
    static let entriesMax = 100
    /// The maximum length of a dead letter's reason, in bytes of UTF-8.
    static let reasonBytesMax = 1_024
    /// The idle time after which a consumer without pending entries is removed from the group.
    static let consumerIdleMillisecondsMax = 3_600_000

    /// The partition's stream.
    let key: String
    /// The dead-letter stream: `KEY:dead`.
    let deadLetterKey: String
    /// The sorted set of the entries that wait for their next attempt: `KEY:GROUP:retry`.
    let retryKey: String
    let group: String
    let consumer: String

    typealias StatusNote = TransactionStatusRecord.Note

    init(_ partitions: StreamPartitions, partition: Int = 0, group: String, consumer: String) {
        key = partitions.streamKey(partition)
        deadLetterKey = partitions.deadLetterKey(partition)
        retryKey = partitions.retryKey(partition, group: group)
        self.group = group
        self.consumer = consumer
    }

    /// Creates the group, which begins with the stream's first entry, and the stream if it is
    /// missing.
    var createGroup: RedisCommand {
        var command = RedisCommand()
        command.add("XGROUP", "CREATE", key, group, "0", "MKSTREAM")
        return command
    }

    /// Creates the consumer in the group, so that `XINFO CONSUMERS` shows it before its first
    /// entry.
    var join: RedisCommand {
        var command = RedisCommand()
        command.add("XGROUP", "CREATECONSUMER", key, group, consumer)
        return command
    }

    /// Reads entries that were not delivered to the group yet.
    ///
    /// - Parameter blockMilliseconds: how long to wait for one; nil for not at all.
    func read(count: Int, blockMilliseconds: Int?) -> RedisCommand {
        let block = blockMilliseconds.map { ["BLOCK", String($0)] } ?? []
        var command = RedisCommand()
        command.add(
            ["XREADGROUP", "GROUP", group, consumer, "COUNT"]
                + [String(min(count, ConsumerCommands.entriesMax))] + block + ["STREAMS", key, ">"])
        return command
    }

    /// The first entry behind another one, whether or not it was delivered to the group: takes
    /// nothing. It needs no permission that the scripts do not need.
    ///
    /// - Parameter id: of the other entry, which need not exist.
    func look(after id: String) -> RedisCommand {
        var command = RedisCommand()
        command.add("XRANGE", key, "(\(id)", "+", "COUNT", "1")
        return command
    }

    /// Acknowledges the entry.
    ///
    /// - Parameter note: for the transaction's status; nil if none is kept, here and below.
    func acknowledge(_ delivery: DeliveryName, _ note: StatusNote? = nil) -> RedisCommand {
        guard let note else { return call(ConsumerScripts.acknowledge, delivery.id) }
        return call(
            ConsumerScripts.acknowledge, note, delivery.id, String(delivery.attempt))
    }

    /// Schedules the next attempt after a failed one.
    ///
    /// - Parameter pauseMilliseconds: the time until the entry is due.
    func retry(
        _ delivery: DeliveryName, pauseMilliseconds: Int, _ note: StatusNote? = nil
    ) -> RedisCommand {
        let pause = String(pauseMilliseconds)
        guard let note else { return call(ConsumerScripts.retry, delivery.text, pause, "0") }
        return call(ConsumerScripts.retry, note, delivery.text, pause, "0")
    }

    /// Returns deliveries that no handler took: the entries are due at once, and the delivery does
    /// not count as an attempt.
    func giveBack(_ deliveries: [DeliveryName]) -> RedisCommand {
        let list = deliveries.map(\.text).joined(separator: " ")
        return call(ConsumerScripts.retry, list, "0", "1")
    }

    /// Moves the entry to the dead-letter stream.
    ///
    /// - Parameter reason: cut after `reasonBytesMax`.
    func deadLetter(
        _ delivery: DeliveryName, reason: String, _ note: StatusNote? = nil
    ) -> RedisCommand {
        let bytes = Array(reason.utf8.prefix(ConsumerCommands.reasonBytesMax))
        // A character that the cut divides becomes a replacement character.
        let text = String(decoding: bytes, as: UTF8.self)
        let attempt = String(delivery.attempt)
        guard let note else {
            return call(ConsumerScripts.deadLetter, delivery.id, attempt, text)
        }
        return call(ConsumerScripts.deadLetter, note, delivery.id, attempt, text)
    }

    func extend(_ deliveries: [DeliveryName]) -> RedisCommand {
        call(ConsumerScripts.extend, deliveries.map(\.text).joined(separator: " "))
    }

    /// Claims the entries that are due.
    ///
    /// - Parameter scans: whether to claim overdue entries of other consumers as well.
    func claim(
        room: Int, attemptsMax: Int, visibilityMilliseconds: Int, scans: Bool
    ) -> RedisCommand {
        call(
            ConsumerScripts.claim, String(min(room, ConsumerCommands.entriesMax)),
            String(attemptsMax), String(visibilityMilliseconds), scans ? "1" : "0",
            String(StreamEntry.wordsMax), String(StreamEntry.bytesMax))
    }

    /// Removes idle consumers and acknowledged entries.
    ///
    /// - Parameter idleMillisecondsMax: the idle time after which a consumer is removed.
    func tidy(idleMillisecondsMax: Int = consumerIdleMillisecondsMax) -> RedisCommand {
        call(ConsumerScripts.tidy, String(idleMillisecondsMax))
    }

    var leave: RedisCommand { call(ConsumerScripts.leave) }

    /// The call of a script that writes a status.
    private func call(
        _ script: RedisScript, _ note: StatusNote, _ arguments: String...
    ) -> RedisCommand {
        RedisCommand(
            calling: script, keys: [key, deadLetterKey, retryKey, note.key],
            arguments: [group, consumer] + arguments + [String(note.seconds), note.constants])
    }

    private func call(_ script: RedisScript, _ arguments: String...) -> RedisCommand {
        var command = RedisCommand(calling: script)
        for word in [key, deadLetterKey, retryKey, group, consumer] + arguments {
            command.word(word)
        }
        return command
    }
}
