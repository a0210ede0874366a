internal import CoreAPIBase
internal import CoreAPIRedis

/// A stream and its consumer groups (Redis 5; a group's `lag` since Redis 7).
///
///     XINFO STREAM     length, groups, the first entry
///     XINFO GROUPS     of each: consumers, pending (delivered, not acknowledged), lag (not
///                      delivered), last-delivered-id
///     XINFO CONSUMERS  of each: idle, milliseconds since it last asked for entries
extension QueueProbe {
    /// A stream of more groups is not looked at: their list has no bound in Redis.
    static let groupsMax = 32
    /// The consumers of a group of more are not looked at.
    static let consumersMax = 1_000

    func streamStatus(_ key: String) async -> QueueStatus {
        var status = QueueStatus()
        let stream: [String: RedisReply]
        do { stream = QueueProbe.fields(try await reply(to: ["XINFO", "STREAM", key])) } catch {
            let refusal = QueueProbe.refusal(error)
            status.isWrongType = refusal?.kind == .wrongType
            // Nobody has enqueued or made a group yet.
            return refusal?.message == "ERR no such key" ? QueueStatus.ofNoStream : status
        }
        guard case .integer(let length)? = stream["length"],
            case .integer(let groupCount)? = stream["groups"]
        else { return status }
        if groupCount == 0 {
            status.depth = Int(length)
            status.oldestAgeSeconds = length == 0 ? 0 : QueueProbe.age(of: stream["first-entry"])
            status.workers = QueueStatus.Workers(alive: 0, registered: 0)
            return status
        }
        guard groupCount <= QueueProbe.groupsMax,
            case .array(let groups)? = await ask("XINFO", "GROUPS", key)
        else { return status }
        var all: [QueueStatus] = []
        for group in groups { all.append(await groupStatus(QueueProbe.fields(group), key)) }
        status.depth = all.compactMap(\.depth).max()
        status.oldestAgeSeconds = all.compactMap(\.oldestAgeSeconds).max()
        status.workers = all.compactMap(\.workers).min { $0.alive < $1.alive }
        return status
    }

    // MARK: - A group

    private func groupStatus(_ group: [String: RedisReply], _ key: String) async -> QueueStatus {
        var status = QueueStatus()
        guard case .bulk(let nameBytes)? = group["name"],
            case .integer(let pending)? = group["pending"],
            case .integer(let consumers)? = group["consumers"],
            case .bulk(let lastID)? = group["last-delivered-id"],
            let last = StreamID(lastID.span)
        else { return status }
        let name = String(decoding: nameBytes, as: UTF8.self)
        status.workers = await streamWorkers(key, name, Int(consumers))
        // Redis does not know the lag after entries were deleted, and before Redis 7.
        var lag: Int64?
        if case .integer(let known)? = group["lag"] { lag = known }
        var oldest: RedisReply?
        if pending > 0 {
            oldest = await first(of: ask("XPENDING", key, name, "-", "+", "1"))
        } else if lag != 0 {
            oldest = await first(of: ask("XRANGE", key, last.next.text, "+", "COUNT", "1"))
            if oldest == .null { lag = 0 }
        }
        status.depth = lag.map { Int(pending + $0) }
        status.oldestAgeSeconds = pending == 0 && lag == 0 ? 0 : QueueProbe.age(of: oldest)
        return status
    }

    /// The first element of a list; `null` if it has none, nil if it is no list.
    private func first(of reply: RedisReply?) -> RedisReply? {
        guard case .array(let elements)? = reply else { return nil }
        return elements.first ?? .null
    }

    private func streamWorkers(
        _ key: String, _ group: String, _ count: Int
    ) async -> QueueStatus.Workers? {
        if count == 0 { return QueueStatus.Workers(alive: 0, registered: 0) }
        guard count <= QueueProbe.consumersMax,
            case .array(let consumers)? = await ask("XINFO", "CONSUMERS", key, group)
        else { return nil }
        let workers = consumers.map(QueueProbe.fields).filter { consumer in
            // Whoever that is, nobody runs it.
            consumer["name"] != .bulk(Array(ConsumerCommands.retryName.utf8))
        }
        let alive = workers.count { consumer in
            guard case .integer(let idle)? = consumer["idle"] else { return false }
            return idle / 1_000 <= silenceSecondsMax
        }
        return QueueStatus.Workers(alive: alive, registered: workers.count)
    }

    // MARK: - Replies

    /// A list of names and values, one after the other.
    private static func fields(_ reply: RedisReply) -> [String: RedisReply] {
        guard case .array(let elements) = reply else { return [:] }
        var fields: [String: RedisReply] = [:]
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            guard case .bulk(let name) = elements[index] else { continue }
            fields[String(decoding: name, as: UTF8.self)] = elements[index + 1]
        }
        return fields
    }

    /// The age of an entry, or of one that is pending: a list that begins with its id, of which the
    /// first part is the time at which Redis took it.
    private static func age(of entry: RedisReply?) -> Int? {
        guard case .array(let elements)? = entry, case .bulk(let bytes)? = elements.first,
            let id = StreamID(bytes.span)
        else { return nil }
        return ageSeconds(of: UnixTime(seconds: Int64(id.milliseconds / 1_000)), at: .now())
    }
}

extension QueueStatus {
    fileprivate static let ofNoStream = {
        var status = QueueStatus()
        status.depth = 0
        status.oldestAgeSeconds = 0
        status.workers = Workers(alive: 0, registered: 0)
        return status
    }()
}
