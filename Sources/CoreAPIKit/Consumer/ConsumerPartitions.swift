internal import CoreAPIRedis

/// The partitions of a consumer's stream: the commands for each, and those that read several.
struct ConsumerPartitions: Sendable {
    let partitions: StreamPartitions
    let group: String
    let consumer: String
    private let commands: [ConsumerCommands]
    /// The hash slot of each partition's keys.
    private let slots: [HashSlot]
    /// The partition of each stream, by its key.
    private let numbers: [[UInt8]: Int]
    /// Waits for an entry of any partition.
    private let readAny: RedisCommand

    /// The maximum of streams that one script reads: Redis executes nothing else meanwhile.
    static let streamsOfScriptMax = 128

    /// - Parameter blockMilliseconds: how long a read waits at most.
    init(
        _ partitions: StreamPartitions, group: String, consumer: String, blockMilliseconds: Int
    ) {
        self.partitions = partitions
        self.group = group
        self.consumer = consumer
        commands = partitions.indices.map {
            ConsumerCommands(partitions, partition: $0, group: group, consumer: consumer)
        }
        slots = partitions.indices.map(partitions.slot)
        var numbers: [[UInt8]: Int] = [:]
        for partition in partitions.indices {
            numbers[Array(partitions.streamKey(partition).utf8)] = partition
        }
        self.numbers = numbers
        var read = RedisCommand()
        read.add(
            ["XREADGROUP", "GROUP", group, consumer, "COUNT", "1", "BLOCK", "\(blockMilliseconds)"]
                + ["STREAMS"] + partitions.indices.map(partitions.streamKey)
                + partitions.indices.map { _ in ">" })
        readAny = read
    }

    var count: Int { partitions.count }

    /// The commands of a partition.
    subscript(partition: Int) -> ConsumerCommands { commands[partition] }

    /// The hash slot of a partition's keys.
    func slot(_ partition: Int) -> HashSlot { slots[partition] }

    /// The commands of the partition of an entry.
    subscript(delivery: DeliveryName) -> ConsumerCommands { commands[delivery.partition] }

    /// Waits for entries. With several partitions it is called when none is known to have any, and
    /// returns those that come first: one, unless several partitions get entries at once.
    func read(count: Int, blockMilliseconds: Int) -> RedisCommand {
        if self.count > 1 { return readAny }
        return commands[0].read(count: count, blockMilliseconds: blockMilliseconds)
    }

    /// Takes entries without waiting.
    func take(_ partitions: [Int], count: Int) -> RedisCommand {
        RedisCommand(
            calling: ConsumerScripts.take, keys: partitions.map { commands[$0].key },
            arguments: [group, consumer, String(min(count, ConsumerCommands.entriesMax))])
    }

    /// The entries in the reply to `read` or `take`.
    func entries(read reply: RedisReply) throws(RedisError) -> [ReceivedEntry] {
        try ReceivedEntry.list(read: reply) { numbers[$0] }
    }

    /// Asks which partitions have retries that are due.
    func due(_ partitions: [Int]) -> RedisCommand {
        RedisCommand(
            calling: ConsumerScripts.due, keys: partitions.map { commands[$0].retryKey },
            arguments: [])
    }

    /// The partitions in the reply to `due`.
    func due(
        _ reply: RedisReply, of partitions: [Int]
    ) throws(RedisError) -> [Int] {
        guard case .array(let indices) = reply else { throw .protocolViolation }
        var due: [Int] = []
        for index in indices {
            guard case .integer(let number) = index, 1...Int64(partitions.count) ~= number else {
                throw .protocolViolation
            }
            due.append(partitions[Int(number) - 1])
        }
        return due
    }
}

/// Takes the partitions of a stream in turns, so that none waits behind those before it.
struct PartitionRotation {
    private let count: Int
    private var next = 0

    init(_ count: Int) { self.count = count }

    /// All partitions, from the next one on, in groups of a bounded size.
    func groups(of countMax: Int) -> [[Int]] {
        stride(from: 0, to: count, by: countMax).map { start in
            (start..<min(start + countMax, count)).map { (next + $0) % count }
        }
    }

    /// All partitions, from the next one on.
    var order: some Sequence<Int> {
        (next..<next + count).lazy.map { [count] in $0 < count ? $0 : $0 - count }
    }

    /// The next partitions, after which the rotation goes on.
    mutating func take(_ number: Int) -> [Int] {
        let taken = (0..<min(number, count)).map { (next + $0) % count }
        next = (next + taken.count) % count
        return taken
    }

    /// The rotation goes on behind this partition.
    mutating func resume(after partition: Int) { next = (partition + 1) % count }
}
