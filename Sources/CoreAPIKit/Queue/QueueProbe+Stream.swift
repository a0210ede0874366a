package import CoreAPIBase
package import CoreAPIRedis

/// A stream and its consumer groups (Redis 6.2; a group's `lag` since Redis 7).
///
///     XINFO STREAM     length, groups
///     XINFO GROUPS     of each: consumers, pending (delivered, not acknowledged), lag (not
///                      delivered), last-delivered-id
///     XINFO CONSUMERS  of each: idle, milliseconds since it last asked for entries
extension QueueProbe {
    /// A stream of more groups is not looked at: their list has no bound in Redis.
    static let groupsMax = 32
    /// The consumers of a group of more are not looked at.
    static let consumersMax = 1_000
    /// How many numbers and ids there are of a group.
    private static let partsOfGroup = 5

    /// What Redis says of each stream, in this order; each is -1 if it is not known:
    ///
    ///     length       -2 if the key holds another type
    ///     groups       0 where there is no stream yet
    ///     oldest       id of the first entry, if there is no group; 0 if there is none
    ///
    ///     of each group, if there are not too many:
    ///     pending
    ///     lag
    ///     oldest       id of the oldest entry that is not acknowledged; 0 if there is none
    ///     alive        consumers that have asked for entries lately
    ///     registered
    ///
    /// - KEYS: the streams: one, or partitions of one.
    /// - ARGV: how many groups and consumers of a group are looked at; for how many milliseconds a
    ///   consumer may be idle; the name of the pseudo-consumer of retries.
    static let streamScript = RedisScript(
        """
        local function fields(list)
          local found = {}
          for index = 1, #list, 2 do found[list[index]] = list[index + 1] end
          return found
        end
        local function first(reply)
          if type(reply) ~= 'table' or reply.err then return -1 end
          if not reply[1] then return 0 end
          return reply[1][1]
        end
        local function workers(key, group, count)
          if count == 0 then return 0, 0 end
          if count > tonumber(ARGV[2]) then return -1, -1 end
          local consumers = redis.pcall('XINFO', 'CONSUMERS', key, group)
          if consumers.err then return -1, -1 end
          local alive, registered = 0, 0
          for _, consumer in ipairs(consumers) do
            local known = fields(consumer)
            if known['name'] ~= ARGV[4] then
              registered = registered + 1
              if known['idle'] <= tonumber(ARGV[3]) then alive = alive + 1 end
            end
          end
          return alive, registered
        end
        local function look(key)
        local stream = redis.pcall('XINFO', 'STREAM', key)
        if stream.err then
          if string.find(stream.err, 'no such key', 1, true) then return {0, 0, 0} end
          return {string.find(stream.err, 'WRONGTYPE', 1, true) and -2 or -1, -1, -1}
        end
        stream = fields(stream)
        local answer = {stream['length'], stream['groups'], -1}
        if stream['groups'] == 0 then
          answer[3] = first(redis.pcall('XRANGE', key, '-', '+', 'COUNT', 1))
        end
        if stream['groups'] == 0 or stream['groups'] > tonumber(ARGV[1]) then return answer end
        local groups = redis.pcall('XINFO', 'GROUPS', key)
        if groups.err then return answer end
        for _, group in ipairs(groups) do
          local known = fields(group)
          local name, pending, lag = known['name'], known['pending'], known['lag'] or -1
          local oldest = 0
          if pending > 0 then
            oldest = first(redis.pcall('XPENDING', key, name, '-', '+', 1))
          elseif lag ~= 0 then
            local after = '(' .. known['last-delivered-id']
            if after == '(18446744073709551615-18446744073709551615' then
              oldest = 0
            else
              oldest = first(redis.pcall('XRANGE', key, after, '+', 'COUNT', 1))
            end
            if oldest == 0 then lag = 0 end
          end
          local alive, registered = workers(key, name, known['consumers'])
          for _, part in ipairs({pending, lag, oldest, alive, registered}) do
            answer[#answer + 1] = part
          end
        end
        return answer
        end
        local answers = {}
        for index, key in ipairs(KEYS) do answers[index] = look(key) end
        return answers
        """)

    /// The calls of the script: one, or more for many partitions.
    static func streamCommands(
        _ stream: StreamPartitions, _ partitions: [[Int]], silenceSecondsMax: Int
    ) -> [Call] {
        partitions.map { group in
            Call(
                command: RedisCommand(
                    calling: streamScript, keys: group.map(stream.streamKey),
                    arguments: [
                        String(groupsMax), String(consumersMax),
                        String(silenceSecondsMax * 1_000 + 999),
                        ConsumerCommands.retryConsumerName,
                    ]), slot: stream.slot(group[0]))
        }
    }

    /// The parts of each group; nil if the reply ends within one.
    fileprivate static func groups(_ parts: ArraySlice<RedisReply>) -> [ArraySlice<RedisReply>]? {
        guard parts.count % partsOfGroup == 0 else { return nil }
        return stride(from: parts.startIndex, to: parts.endIndex, by: partsOfGroup).map {
            parts[$0..<($0 + partsOfGroup)]
        }
    }
}

extension QueueStatus {
    /// The answers of `QueueProbe.streamScript` to several calls: the sum of what waits, and of the
    /// others the worst partition. Nothing of what is not understood.
    ///
    /// - Parameter count: of the partitions.
    init(partitions replies: [RedisReply], count: Int, now: UnixTime) {
        self.init()
        let all = replies.flatMap { reply in
            guard case .array(let answers) = reply else { return [QueueStatus()] }
            return answers.map { QueueStatus(stream: $0, now: now) }
        }
        guard all.count == count else { return }
        isWrongType = all.contains { $0.isWrongType }
        depth = all.reduce(0) { sum, status in
            guard let sum, let depth = status.depth else { return nil }
            let (total, overflows) = sum.addingReportingOverflow(depth)
            return overflows ? nil : total
        }
        oldestAgeSeconds = all.compactMap(\.oldestAgeSeconds).max()
        workers = all.compactMap(\.workers).min { $0.alive < $1.alive }
    }

    /// What `QueueProbe.streamScript` answers of one stream; nothing of what is not understood.
    package init(stream reply: RedisReply, now: UnixTime) {
        self.init()
        guard case .array(let parts) = reply, parts.count >= 3 else { return }
        isWrongType = parts[0] == .integer(-2)
        guard let length = QueueProbe.count(parts[0]), let groupCount = QueueProbe.count(parts[1])
        else { return }
        if groupCount == 0 {
            depth = length
            oldestAgeSeconds = QueueStatus.age(parts[2], now)
            workers = Workers(alive: 0, registered: 0)
            return
        }
        guard let groups = QueueProbe.groups(parts.dropFirst(3)) else { return }
        let all = groups.map { QueueStatus(group: $0, now) }
        depth = all.compactMap(\.depth).max()
        oldestAgeSeconds = all.compactMap(\.oldestAgeSeconds).max()
        workers = all.compactMap(\.workers).min { $0.alive < $1.alive }
    }

    /// - Parameter parts: pending, lag, oldest, alive, registered.
    private init(group parts: ArraySlice<RedisReply>, _ now: UnixTime) {
        self.init()
        let parts = Array(parts)
        // Redis does not know the lag after entries were deleted, and before Redis 7.
        if let pending = QueueProbe.count(parts[0]), let lag = QueueProbe.count(parts[1]) {
            let sum = pending.addingReportingOverflow(lag)
            depth = sum.overflow ? nil : sum.partialValue
        }
        oldestAgeSeconds = QueueStatus.age(parts[2], now)
        if let alive = QueueProbe.count(parts[3]), let registered = QueueProbe.count(parts[4]) {
            workers = Workers(alive: alive, registered: registered)
        }
    }

    /// The age of the entry with the id; 0 if there is none, nil if it is not known.
    private static func age(_ id: RedisReply, _ now: UnixTime) -> Int? {
        id == .integer(0) ? 0 : QueueProbe.ageSeconds(ofEntry: id, at: now)
    }
}
