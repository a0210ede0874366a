internal import CoreAPIRedis

/// The commands of one consumer of one group.
struct ConsumerCommands: Sendable {
    /// To whom the entries belong that wait for their next attempt.
    static let retryName = "retry"
    /// How many entries one reply brings at most.
    static let entriesMax = 100
    /// How many bytes of a reason a dead letter holds.
    static let reasonBytesMax = 1_024
    /// A consumer's name without pending entries is removed when it was idle for so long.
    static let goneMilliseconds = 3_600_000

    /// The stream.
    let key: String
    let group: String
    let consumer: String

    /// The stream of what was given up: `KEY:dead`.
    var deadLetterKey: String { "\(key):dead" }
    /// The sorted set of what waits for its next attempt: `KEY:GROUP:retry`.
    var retryKey: String { "\(key):\(group):retry" }

    /// Makes the group, which begins with the stream's first entry, and the stream with it.
    var createGroup: RedisCommand {
        var command = RedisCommand()
        command.add("XGROUP", "CREATE", key, group, "0", "MKSTREAM")
        return command
    }

    /// Makes the consumer's name, so that it can be seen before it has been given anything.
    var join: RedisCommand {
        var command = RedisCommand()
        command.add("XGROUP", "CREATECONSUMER", key, group, consumer)
        return command
    }

    /// Waits for entries that nobody of the group has been given.
    func read(count: Int, blockMilliseconds: Int) -> RedisCommand {
        var command = RedisCommand()
        command.add(
            "XREADGROUP", "GROUP", group, consumer, "COUNT",
            String(min(count, ConsumerCommands.entriesMax)), "BLOCK", String(blockMilliseconds),
            "STREAMS", key, ">")
        return command
    }

    func acknowledge(_ id: String) -> RedisCommand { call(ConsumerScripts.acknowledge, id) }

    /// The attempt has failed.
    ///
    /// - Parameter pauseMilliseconds: until the entry is due.
    func retry(_ delivery: DeliveryName, pauseMilliseconds: Int) -> RedisCommand {
        call(ConsumerScripts.retry, delivery.text, String(pauseMilliseconds), "0")
    }

    /// Nobody has tried: the entries are due at once.
    func giveBack(_ deliveries: [DeliveryName]) -> RedisCommand {
        let list = deliveries.map(\.text).joined(separator: " ")
        return call(ConsumerScripts.retry, list, "0", "1")
    }

    func bury(_ delivery: DeliveryName, reason: String) -> RedisCommand {
        let bytes = Array(reason.utf8.prefix(ConsumerCommands.reasonBytesMax))
        // A character that is cut in two becomes a replacement character.
        return call(
            ConsumerScripts.bury, delivery.id, String(delivery.attempt),
            String(decoding: bytes, as: UTF8.self))
    }

    func extend(_ deliveries: [DeliveryName]) -> RedisCommand {
        call(ConsumerScripts.extend, deliveries.map(\.text).joined(separator: " "))
    }

    /// - Parameter scans: whether to look at what other consumers hold as well.
    func claim(
        room: Int, attemptsMax: Int, visibilityMilliseconds: Int, scans: Bool
    ) -> RedisCommand {
        call(
            ConsumerScripts.claim, String(min(room, ConsumerCommands.entriesMax)),
            String(attemptsMax), String(visibilityMilliseconds), scans ? "1" : "0",
            String(StreamEntry.wordsMax), String(StreamEntry.bytesMax))
    }

    /// - Parameter milliseconds: after how long a consumer is gone.
    func tidy(goneMilliseconds milliseconds: Int = goneMilliseconds) -> RedisCommand {
        call(ConsumerScripts.tidy, String(milliseconds))
    }

    var leave: RedisCommand { call(ConsumerScripts.leave) }

    private func call(_ script: RedisScript, _ arguments: String...) -> RedisCommand {
        var command = RedisCommand(calling: script)
        for word in [key, deadLetterKey, retryKey, group, consumer] + arguments {
            command.word(word)
        }
        return command
    }
}
