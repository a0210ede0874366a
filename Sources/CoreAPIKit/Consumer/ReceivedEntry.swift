internal import CoreAPIRedis

/// An entry of a stream as Redis delivers it to a consumer, before its fields are decoded.
struct ReceivedEntry: Equatable {
    let name: DeliveryName
    /// Names and values in turns; empty if the script left them out since they are too large.
    let words: [RedisReply]

    /// The entries in the reply to XREADGROUP, or of the script `take`:
    /// `[[KEY, [[ID, [NAME, VALUE, …]], …]], …]`, or null if there are none.
    ///
    /// - Parameter partition: the partition of a stream's key; nil for a key that was not read.
    static func list(
        read reply: RedisReply, partition: ([UInt8]) -> Int? = { _ in 0 }
    ) throws(RedisError) -> [ReceivedEntry] {
        if case .null = reply { return [] }
        guard case .array(let streams) = reply, !streams.isEmpty else { throw .protocolViolation }
        var list: [ReceivedEntry] = []
        for stream in streams {
            guard case .array(let parts) = stream, parts.count == 2,
                case .bulk(let key) = parts[0], let partition = partition(key)
            else { throw .protocolViolation }
            list += try ReceivedEntry.list(entries: parts[1], partition)
        }
        return list
    }

    private static func list(
        entries reply: RedisReply, _ partition: Int
    ) throws(RedisError) -> [ReceivedEntry] {
        guard case .array(let entries) = reply else { throw .protocolViolation }
        var list: [ReceivedEntry] = []
        for entry in entries {
            guard case .array(let parts) = entry, parts.count == 2 else {
                throw .protocolViolation
            }
            let id = try DeliveryName.id(of: parts[0])
            let words: [RedisReply] = if case .array(let words) = parts[1] { words } else { [] }
            let name = DeliveryName(partition: partition, id: id, attempt: 1)
            list.append(ReceivedEntry(name: name, words: words))
        }
        return list
    }
}

/// The reply of the script `claim`.
struct ClaimedEntries: Equatable {
    let entries: [ReceivedEntry]
    /// The entries that went to the dead-letter stream, each with its last delivery.
    let deadLettered: [DeliveryName]
    /// Ids of pending entries that were removed from the stream.
    let removed: [String]

    /// `[[[ID, ATTEMPT, [NAME, VALUE, …]], …], [[ID, ATTEMPTS], …], [ID, …]]`.
    ///
    /// - Parameter partition: the one whose entries they are.
    init(reply: RedisReply, partition: Int = 0) throws(RedisError) {
        guard case .array(let lists) = reply, lists.count == 3, case .array(let claimed) = lists[0],
            case .array(let dead) = lists[1]
        else { throw .protocolViolation }
        var entries: [ReceivedEntry] = []
        for entry in claimed {
            guard case .array(let parts) = entry, parts.count == 3,
                case .array(let words) = parts[2]
            else { throw .protocolViolation }
            let name = try ClaimedEntries.name(parts, partition)
            entries.append(ReceivedEntry(name: name, words: words))
        }
        var deadLettered: [DeliveryName] = []
        for entry in dead {
            guard case .array(let parts) = entry, parts.count == 2 else {
                throw .protocolViolation
            }
            deadLettered.append(try ClaimedEntries.name(parts, partition))
        }
        self.entries = entries
        self.deadLettered = deadLettered
        removed = try DeliveryName.ids(of: lists[2])
    }

    /// The delivery in the first two elements: id and count. `parts` has at least two.
    private static func name(
        _ parts: [RedisReply], _ partition: Int
    ) throws(RedisError) -> DeliveryName {
        guard case .integer(let attempt) = parts[1] else { throw .protocolViolation }
        return DeliveryName(
            partition: partition, id: try DeliveryName.id(of: parts[0]), attempt: Int(attempt))
    }
}

/// The reply of the script `extend`: the deliveries whose lease was not extended.
struct UnkeptDeliveries: Equatable {
    /// Deliveries (`DeliveryName.text`) that do not belong to this consumer any more.
    let lost: Set<String>
    /// Ids of pending entries that were removed from the stream.
    let removed: [String]

    /// `[[DELIVERY, …], [ID, …]]`.
    init(reply: RedisReply) throws(RedisError) {
        guard case .array(let lists) = reply, lists.count == 2, case .array(let words) = lists[0]
        else { throw .protocolViolation }
        var lost: Set<String> = []
        for word in words {
            guard case .bulk(let name) = word else { throw .protocolViolation }
            lost.insert(String(decoding: name, as: UTF8.self))
        }
        self.lost = lost
        removed = try DeliveryName.ids(of: lists[1])
    }
}
