internal import CoreAPIRedis

/// An entry of a stream as Redis delivers it to a consumer, before anybody looks at its fields.
struct ReceivedEntry: Equatable {
    let name: DeliveryName
    /// Names and values in turns; empty if they were not sent, since they are too large.
    let words: [RedisReply]

    /// The entries in the reply to XREADGROUP: `[[KEY, [[ID, [NAME, VALUE, …]], …]]]`, or nothing
    /// when its time is over.
    static func list(read reply: RedisReply) throws(RedisError) -> [ReceivedEntry] {
        if case .null = reply { return [] }
        guard case .array(let streams) = reply, case .array(let stream)? = streams.first,
            stream.count == 2, case .array(let entries) = stream[1]
        else { throw .protocolViolation }
        var list: [ReceivedEntry] = []
        for entry in entries {
            guard case .array(let parts) = entry, parts.count == 2 else {
                throw .protocolViolation
            }
            let id = try DeliveryName.id(of: parts[0])
            let words: [RedisReply] = if case .array(let words) = parts[1] { words } else { [] }
            list.append(ReceivedEntry(name: DeliveryName(id: id, attempt: 1), words: words))
        }
        return list
    }
}

/// What the script `claim` answers.
struct ClaimedEntries: Equatable {
    let entries: [ReceivedEntry]
    /// The last deliveries of what went to the dead-letter stream.
    let buried: [DeliveryName]
    /// Ids of what somebody had removed from the stream while it was pending.
    let removed: [String]

    /// `[[[ID, ATTEMPT, [NAME, VALUE, …]], …], [[ID, ATTEMPTS], …], [ID, …]]`.
    init(reply: RedisReply) throws(RedisError) {
        guard case .array(let lists) = reply, lists.count == 3, case .array(let claimed) = lists[0],
            case .array(let dead) = lists[1]
        else { throw .protocolViolation }
        var entries: [ReceivedEntry] = []
        for entry in claimed {
            guard case .array(let parts) = entry, parts.count == 3,
                case .array(let words) = parts[2]
            else { throw .protocolViolation }
            entries.append(ReceivedEntry(name: try ClaimedEntries.name(parts), words: words))
        }
        var buried: [DeliveryName] = []
        for entry in dead {
            guard case .array(let parts) = entry, parts.count == 2 else {
                throw .protocolViolation
            }
            buried.append(try ClaimedEntries.name(parts))
        }
        self.entries = entries
        self.buried = buried
        removed = try DeliveryName.ids(of: lists[2])
    }

    /// The name that a list of at least two begins with.
    private static func name(_ parts: [RedisReply]) throws(RedisError) -> DeliveryName {
        guard case .integer(let attempt) = parts[1] else { throw .protocolViolation }
        return DeliveryName(id: try DeliveryName.id(of: parts[0]), attempt: Int(attempt))
    }
}

/// What the script `extend` answers: which deliveries the consumer does not keep.
struct UnkeptDeliveries: Equatable {
    /// As `DeliveryName.text`: others have them, or nobody.
    let lost: Set<String>
    /// Ids of what somebody has removed from the stream while it was pending.
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
