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
    /// - KEYS: the session.
    /// - Returns: the number, -1 if the session is missing; seconds and microseconds of `TIME`, 0
    ///   without the right to call it; `master_replid`, empty without the right to call `INFO`.
    static let open = RedisScript(
        """
        local number = redis.call('GET', KEYS[1])
        local time = redis.pcall('TIME')
        local info = redis.pcall('INFO', 'replication')
        local run = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
        return {tonumber(number or -1), tonumber(time[1] or 0), tonumber(time[2] or 0), run}
        """, keys: 1, arguments: 0)

    /// Moves the session to a fence, if it still stands at the number that `open` returned; opens
    /// a session that is missing.
    ///
    /// - KEYS: the session.
    /// - ARGV: the number, -1 for a session that is missing; the fence; the lifetime.
    /// - Returns: the session's number, which is the fence unless another batch came between.
    static let fence = RedisScript(
        """
        local number = redis.call('GET', KEYS[1]) or '-1'
        if number ~= ARGV[1] then return tonumber(number) end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
        return tonumber(ARGV[2])
        """, keys: 1, arguments: 3)

    /// The error of a batch before which another one is missing.
    static let gap = "SESSION gap"

    /// Before the error of a message that is refused for a key of its own: those behind it need not
    /// be refused.
    static let ownMark = "OWN "

    /// The begin of every batch's script. After it `first` is the number of the first message,
    /// `count` how many there are, `skipped` how many of them were applied before.
    ///
    /// - KEYS: the session, then those of the queue, then one for each keyed message.
    /// - ARGV: the first number, the count, the deadline in milliseconds of Redis's clock, the
    ///   session's lifetime; then the words of the queue; then the words of each message.
    ///
    /// Without the right to call `TIME` no batch is too late.
    ///
    /// The session's number is written before the messages, so that a right that is missing for it
    /// stops the batch before anything is applied, and again by `stop`, after the same command has
    /// succeeded. `SET` is written as a decimal text, since Lua shortens large numbers.
    package static let batchStart = """
        local number = redis.call('GET', KEYS[1])
        if not number then return redis.error_reply('SESSION missing') end
        local last, first, count = tonumber(number), tonumber(ARGV[1]), tonumber(ARGV[2])
        if first > last + 1 then return redis.error_reply('\(gap)') end
        local time = redis.pcall('TIME')
        if not time.err and time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[3]) then
          return redis.error_reply('SESSION late')
        end
        local function stand(at)
          return redis.pcall('SET', KEYS[1], string.format('%.0f', at), 'EX', ARGV[4])
        end
        local goal = math.max(last, first + count - 1)
        local stood = stand(goal)
        if stood.err then return {first - 1, stood.err} end
        local skipped = math.min(math.max(last - first + 1, 0), count)
        local answer = {goal, ''}
        local function found(index, record)
          answer[#answer + 1] = index
          answer[#answer + 1] = record
        end
        local function stop(applied, problem, isOwn)
          stand(math.max(last, first + applied - 1))
          local stopped = {first + applied - 1, (isOwn and '\(ownMark)' or '') .. problem.err}
          for at = 3, #answer, 2 do
            if answer[at] < applied then
              stopped[#stopped + 1] = answer[at]
              stopped[#stopped + 1] = answer[at + 1]
            end
          end
          return stopped
        end
        """

    /// The end of every batch's script: the number alone where there is nothing else to tell.
    package static let batchEnd = """
        if #answer == 2 then return goal end
        return answer
        """
}
