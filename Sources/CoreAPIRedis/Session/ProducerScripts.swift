internal import CoreAPIBase

/// The scripts by which a producer session is opened, fenced and used.
///
/// The session's key holds the number of the last message that was applied, in decimal, and
/// expires a day after its last use. A batch is applied only if its first number is at most the
/// next one, so no batch is applied twice and none out of order. A fence is a number that no
/// message has: once the session stands there, no copy of an earlier batch has any effect, however
/// late it arrives.
package enum ProducerScripts {
    /// Lifetime of a session since its last batch.
    package static let lifetimeSeconds = 86_400

    /// Returns the session's number, Redis's clock and its replication id.
    ///
    /// `master_replid` names an uninterrupted time as the master. `run_id` would not do: a master
    /// that became a replica, took over another's data and is the master again keeps it.
    ///
    /// A server without `SET … XX GET`, by which batches are applied, is refused here, so that the
    /// log names its version.
    ///
    /// - KEYS: the session.
    /// - Returns: the number, -1 if the session is missing, -2 if its key holds no number of a
    ///   session; seconds and microseconds of `TIME`, 0 without the right to call it;
    ///   `master_replid`, empty without the right to call `INFO`.
    static let open = open(leastVersion: (6, 2))

    /// As `open`, for a call that tells of each message (`ProducerCall.tellsOfEach`). A key of the
    /// refusals that holds anything but numbers is removed, and the session's number, which is not
    /// to be believed without them, is replaced by a text: the number returned is -2.
    ///
    /// - KEYS: the session, its refusals.
    /// - Returns: as `open`, then the numbers of messages that a rule has refused.
    static let openWithRefusals = open(leastVersion: (6, 2), withRefusals: true)

    /// How many numbers of refused messages are kept: more than can be without a reply, sent again
    /// at each of several logins.
    package static let refusalsMax = 16 * 64 * 8

    /// - Parameters:
    ///   - leastVersion: of Redis: the first two numbers, each below 1,000.
    ///   - withRefusals: for `openWithRefusals`.
    package static func open(
        leastVersion: (Int, Int), withRefusals: Bool = false
    ) -> RedisScript {
        let refusals =
            withRefusals
            ? """
            local refused = redis.pcall('LRANGE', KEYS[2], 0, -1)
            local isForeign = isWrongType(refused)
            if refused.err and not isForeign then return refused end
            for _, text in ipairs(refused) do isForeign = isForeign or not isNumber(text) end
            if isForeign then
              redis.call('SET', KEYS[2], '', 'PXAT', 1)
              redis.call('SET', KEYS[1], '', 'EX', \(lifetimeSeconds))
              number, refused = '-2', {}
            end
            """ : ""
        return RedisScript(
            """
            \(standing)
            local server = redis.pcall('INFO', 'server')
            local major, minor = string.match(
              type(server) == 'string' and server or '', 'redis_version:(%d+)%.(%d+)')
            if major and major * 1000 + minor < \(leastVersion.0 * 1_000 + leastVersion.1) then
              return redis.error_reply('ERR Redis ' .. major .. '.' .. minor
                .. ' is too old: version \(leastVersion.0).\(leastVersion.1) is the least')
            end
            local number, problem = standing(KEYS[1])
            if problem then return problem end
            \(refusals)
            local time = redis.pcall('TIME')
            local info = redis.pcall('INFO', 'replication')
            local run = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
            return {tonumber(number), tonumber(time[1] or 0), tonumber(time[2] or 0), run\(
              withRefusals ? ", refused" : "")}
            """, keys: withRefusals ? 2 : 1, arguments: 0)
    }

    /// The begin of the scripts above and below: `standing` returns the text of the session's
    /// number, `'-1'` for a session that is missing, `'-2'` for a key that holds no number of one;
    /// then the error of `GET`, if it is another than that of the wrong type.
    private static let standing = """
        local function isWrongType(reply)
          return type(reply) == 'table' and reply.err
            and string.find(reply.err, 'WRONGTYPE', 1, true)
        end
        local function isNumber(text)
          return string.match(text, '^[1-9]%d*$') and tonumber(text) <= \(numberMax)
        end
        local function standing(key)
          local number = redis.pcall('GET', key)
          if not number then return '-1' end
          if isWrongType(number) then return '-2' end
          if type(number) == 'table' then return nil, number end
          return isNumber(number) and number or '-2'
        end
        """

    /// The largest number that a session may stand at. A script counts exactly up to 2^53: the
    /// numbers that follow one have room.
    static let numberMax = 1 << 52

    /// Moves the session to a fence, if it still stands at the number that `open` returned; opens
    /// a session that is missing, or whose key holds foreign content.
    ///
    /// - KEYS: the session.
    /// - ARGV: the number as `open` returns it; the fence; the lifetime.
    /// - Returns: the session's number, which is the fence unless another batch came between.
    static let fence = RedisScript(
        """
        \(standing)
        local number, problem = standing(KEYS[1])
        if problem then return problem end
        if number ~= ARGV[1] then return tonumber(number) end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return tonumber(ARGV[2])
        """, keys: 1, arguments: 3)

    /// The error of a batch before which another one is missing.
    static let gap = "SESSION gap"

    /// Before the error of a message that is refused for a key of its own: those behind it need not
    /// be refused.
    static let ownMark = "OWN "

    /// The begin of every batch's script. After it `argv` is `ARGV`, `call` is `redis.pcall`,
    /// `count` the number of messages, `skipped` how many of them were applied before, and `kinds`
    /// and `isPlain` tell the traits of each (`ProducerTraits`).
    ///
    /// - KEYS: the session, then those of the queue, then those of the messages.
    /// - ARGV: the number before the first message, the number of the last one, the deadline in
    ///   milliseconds of Redis's clock, the digit of each message's traits; then the words of the
    ///   queue; then the words of each message.
    ///
    /// Without the right to call `TIME` no batch is too late.
    ///
    /// The session's number is written before the messages, by the command that reads it, so that a
    /// right that is missing for it stops the batch before anything is applied. It is written again
    /// where less is applied, after the same command has succeeded. A key of another type is no
    /// session: the next login opens one in its place.
    ///
    /// Arithmetic converts a text to a number for less than half of what `tonumber` costs.
    package static let batchStart = """
        local argv, call = ARGV, redis.pcall
        local time = call('TIME')
        if not time.err and time[1] * 1000 + time[2] / 1000 - argv[3] > 0 then
          return redis.error_reply('SESSION late')
        end
        local number = call('SET', KEYS[1], argv[2], 'XX', 'EX', '\(lifetimeSeconds)', 'GET')
        local kinds = argv[4]
        local goal, count, skipped = argv[2] + 0, #kinds, 0
        local isPlain = not string.find(kinds, '[^0]')
        if number ~= argv[1] then
          if not number then return redis.error_reply('SESSION missing') end
          if type(number) == 'table' then
            if string.find(number.err, 'WRONGTYPE', 1, true) then
              return redis.error_reply('SESSION missing')
            end
            return {tonumber(argv[1]), number.err}
          end
          local stood, before = tonumber(number), tonumber(argv[1])
          if not string.match(number, '^[1-9]%d*$') or stood > \(numberMax) or before > stood then
            redis.call('SET', KEYS[1], number, 'EX', '\(lifetimeSeconds)')
            return redis.error_reply('\(gap)')
          end
          skipped = math.min(stood - before, count)
          if stood > goal then
            redis.call('SET', KEYS[1], number, 'EX', '\(lifetimeSeconds)')
            goal = stood
          end
        end
        local applied, problem, isOwn, records = count, nil, false, nil
        """

    /// Makes the record `known` of the message `index` a part of the answer.
    package static let findRecord = """
        records = records or {}
        records[#records + 1], records[#records + 2] = index, known
        """

    /// The end of every batch's script: the number alone where there is nothing else to tell.
    ///
    /// Before it `applied` is the number of messages before the one that was refused, `problem` the
    /// error, and `isOwn` whether a key of that message alone is the reason. The number is written
    /// as a decimal text, since Lua shortens large numbers.
    package static let batchEnd = """
        local answer
        if problem then
          local reached = tonumber(argv[1]) + applied
          local at = string.format('%.0f', math.max(tonumber(number), reached))
          call('SET', KEYS[1], at, 'EX', '\(lifetimeSeconds)')
          answer = {reached, (isOwn and '\(ownMark)' or '') .. problem}
        elseif records then
          answer = {goal, ''}
        else
          return goal
        end
        for at = 1, records and #records or 0, 2 do
          if records[at] < applied then
            answer[#answer + 1] = records[at]
            answer[#answer + 1] = records[at + 1]
          end
        end
        return answer
        """
}
