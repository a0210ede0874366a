package import CoreAPIRedis

/// What stands in the way of the next transaction: the type of the queue's keys, and the rights of
/// Redis's access list. It is found without writing anything.
package struct QueueAccess: Equatable, Sendable {
    /// A key of the queue holds another type, so that Redis refuses every transaction.
    package private(set) var isWrongType = false
    /// A command that a transaction needs and that the user may not run, as Redis names it.
    package private(set) var deniedCommand: String?
    /// A command that a transaction needs and that this Redis does not have, as `deniedCommand`.
    package private(set) var missingCommand: String?

    /// - Parameter reply: what the kind's script answers; nothing is found in any other.
    package init(reply: RedisReply, _ kind: QueueProbe.Kind) {
        guard case .array(let parts) = reply, parts.count == 2 else { return }
        isWrongType = parts[0] == .integer(1)
        let names = QueueAccess.commandNames(kind)
        guard let found = QueueProbe.count(parts[1]) else { return }
        let isMissing = found >= QueueAccess.missingNumber
        let number = isMissing ? found - QueueAccess.missingNumber : found
        var command = names.indices.contains(number - 1) ? names[number - 1] : nil
        let limit = number - QueueAccess.limitNumber - 1
        if QueueAccess.limitCommandNames.indices.contains(limit) {
            command = QueueAccess.limitCommandNames[limit]
        }
        if isMissing { missingCommand = command } else { deniedCommand = command }
    }

    /// Is added to the number of a command that Redis does not know.
    private static let missingNumber = 1_000

    /// Those that a limit needs besides, and the number before the first of them.
    private static let limitCommandNames = [
        "set", "get", "time", "lrange", "rpush", "ltrim", "expire",
    ]
    private static let limitNumber = 100

    /// Those that are checked, in the order of the scripts; the last is the barrier's.
    private static func commandNames(_ kind: QueueProbe.Kind) -> [String] {
        switch kind {
        case .rq: ["set", "get", "set", "get", "sadd", "hset", "rpush", "barrier"]
        case .stream: ["set", "get", "set", "get", "xadd", "set", "barrier"]
        }
    }

    // MARK: - Scripts

    /// Whether a key holds another type, and the number of the first command that is denied or
    /// unknown, 0 for none: of each queue or partition whose keys there are. Only scripts can read
    /// the rights of Redis's user (`acl_check_cmd`, Redis 7); before Redis 7 no missing right is
    /// found.
    ///
    /// - Parameter keys: how many keys each queue or partition has. `types` and `commands` see
    ///   these alone, of which the last two are a user's rate and the session's refusals.
    private static func script(
        types: String, commands: String, keys: Int
    ) -> RedisScript {
        RedisScript(
            """
            local function look(KEYS)
            local wrong = 0
            for _, reply in ipairs({\(types)}) do
              if type(reply) == 'table' and reply.err
                and string.find(reply.err, 'WRONGTYPE', 1, true) then
                wrong = 1
              end
            end
            local commands = {\(commands)}
            if ARGV[1] ~= '' then commands[#commands + 1] = {ARGV[1], '1', '1', '1'} end
            if ARGV[1] == 'WAIT' then commands[#commands] = {ARGV[1], '1', '1'} end
            local function denied(commands, first)
              for number, command in ipairs(redis.acl_check_cmd and commands or {}) do
                local isKnown, isAllowed = pcall(redis.acl_check_cmd, unpack(command))
                if not isKnown then return \(missingNumber) + first + number end
                if not isAllowed then return first + number end
              end
              return 0
            end
            local number = denied(commands, 0)
            if number == 0 and ARGV[2] == '1' then
              local rate, refused = KEYS[#KEYS - 1], KEYS[#KEYS]
              number = denied({{'SET', rate, '', 'PX', '1'}, {'GET', rate}, {'TIME'},
                {'LRANGE', refused, '0', '0'}, {'RPUSH', refused, '0'},
                {'LTRIM', refused, '0', '0'}, {'EXPIRE', refused, '1'}}, \(limitNumber))
            end
            return {wrong, number}
            end
            local worst = {0, 0}
            for at = 1, #KEYS, \(keys) do
              local found = look({unpack(KEYS, at, at + \(keys - 1))})
              worst[1] = math.max(worst[1], found[1])
              if worst[2] == 0 then worst[2] = found[2] end
            end
            return worst
            """)
    }

    /// The commands that every batch needs: of the session, then of a record.
    private static let batchCommands = """
        {'SET', KEYS[1], '1', 'EX', '1'}, {'GET', KEYS[1]},
          {'SET', KEYS[2], '', 'EX', '1'}, {'GET', KEYS[2]}
        """

    /// - KEYS: a session, a record, a job's hash, the list, the set of all queues, a user's rate,
    ///   refusals; where no rate is limited, the record for both.
    /// - ARGV: the barrier's command, empty for none; 1 if the rate is limited.
    static let rqScript = script(
        types: "redis.pcall('LLEN', KEYS[4]), redis.pcall('SCARD', KEYS[5])",
        commands: """
            \(batchCommands), {'SADD', KEYS[5], ''}, {'HSET', KEYS[3], 'a', ''},
              {'RPUSH', KEYS[4], ''}
            """, keys: 7)

    /// - KEYS: a session, a record, the stream, the status of a transaction, a user's rate,
    ///   refusals; for what the queue does without, the record once more.
    /// - ARGV: the barrier's command, empty for none; 1 if the rate is limited.
    static let streamScript = script(
        // A range in which there never is an entry: nothing is read.
        types: "redis.pcall('XRANGE', KEYS[3], '0-0', '0-0', 'COUNT', 1)",
        commands: """
            \(batchCommands), {'XADD', KEYS[3], '*', 'a', ''}, {'SET', KEYS[4], '', 'EX', '1'}
            """, keys: 6)

    /// The calls of the kind's script: one, or more for a stream of many partitions.
    ///
    /// - Parameter partitions: of a stream, in groups for one call each.
    static func commands(
        _ kind: QueueProbe.Kind, _ barrier: RedisBarrier?, _ partitions: [[Int]],
        _ features: QueueFeatures
    ) -> [QueueProbe.Call] {
        let arguments = [barrier?.commandName ?? "", features.rateLimit == nil ? "0" : "1"]
        switch kind {
        case .rq(let rq):
            return [
                QueueProbe.Call(
                    command: RedisCommand(
                        calling: rqScript,
                        keys: keys(rq.list) + [rq.jobStart + "probe", rq.list, rq.queues]
                            + limitKeys(rq.list, features),
                        arguments: arguments), slot: HashSlot(ofKey: rq.list.utf8))
            ]
        case .stream(let stream):
            return partitions.map { group in
                QueueProbe.Call(
                    command: RedisCommand(
                        calling: streamScript,
                        keys: group.flatMap { partition in
                            let keys = keys(stream.tag(partition))
                            let status = "core-api:status:{\(stream.tag(partition))}:"
                            return keys + [stream.streamKey(partition)]
                                + [features.keepsStatus ? status : keys[1]]
                                + limitKeys(stream.tag(partition), features)
                        },
                        arguments: arguments), slot: stream.slot(group[0]))
            }
        }
    }

    /// What stands in the way in any of several calls.
    init(worstOf all: [QueueAccess]) {
        isWrongType = all.contains { $0.isWrongType }
        deniedCommand = all.lazy.compactMap(\.deniedCommand).first
        missingCommand = all.lazy.compactMap(\.missingCommand).first
    }

    /// The key of a rate that no user has, and that of a session's refusals.
    private static func limitKeys(_ tag: String, _ features: QueueFeatures) -> [String] {
        let keys = keys(tag)
        guard features.rateLimit != nil else { return [keys[1], keys[1]] }
        let text = String(decoding: HashTag.text(of: Array(tag.utf8)), as: UTF8.self)
        return ["core-api:limit:\(text):", keys[0] + ":refused"]
    }

    /// A session's and a record's key that no session and no record has, of the pattern of those
    /// that have one.
    private static func keys(_ tag: String) -> [String] {
        let session = ProducerCall.sessionKeyStart(Array(tag.utf8))
        let text = String(decoding: HashTag.text(of: Array(tag.utf8)), as: UTF8.self)
        return [String(decoding: session, as: UTF8.self), "core-api:idempotency:\(text):0:"]
    }
}
