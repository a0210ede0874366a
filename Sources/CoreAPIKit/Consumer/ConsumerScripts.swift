internal import CoreAPIRedis

/// What a consumer asks of Redis, each as one atomic step that may be executed twice with the
/// effect of once.
///
/// - KEYS: the stream, its dead-letter stream, the group's retries: a sorted set of entries' ids by
///   the time, in milliseconds since 1970, at which they are due.
/// - ARGV: the group, the consumer; then the script's own. A delivery is an entry's id and the
///   count of its deliveries, `1636027031123-0 2`.
///
/// An entry that waits for its next attempt stays pending, and belongs to a consumer of the name
/// `retry` that nobody runs: so the group's count of deliveries goes on, and what a consumer itself
/// has pending is what it holds.
enum ConsumerScripts {
    /// Processed: the entry is acknowledged, and removed if every group has acknowledged it.
    ///
    /// - ARGV: the entry's id. Answers 1 if it was pending, else 0.
    static let acknowledge = script(
        """
        local acked = redis.call('XACK', key, group, ARGV[3])
        if acked == 1 then
          redis.call('ZREM', retries, ARGV[3])
          remove(ARGV[3])
        end
        return acked
        """, arguments: 3)

    /// Gives deliveries that the consumer still has to the retries.
    ///
    /// - ARGV: the deliveries; the pause in milliseconds; 1 to take an attempt off the count, since
    ///   nobody has tried, else 0.
    /// - Answers the ids of those that somebody had removed from the stream.
    static let retry = script(
        """
        local due, removed = now() + tonumber(ARGV[4]), {}
        for id, count in string.gmatch(ARGV[3], '(%S+) (%S+)') do
          if owns(id, count) then
            if claim('retry', id, 'RETRYCOUNT', count - ARGV[5], 'JUSTID') then
              redis.call('ZADD', retries, due, id)
            else
              removed[#removed + 1] = id
            end
          end
        end
        return removed
        """, arguments: 5)

    /// Moves the entry of a delivery that the consumer still has to the dead-letter stream.
    ///
    /// - ARGV: the entry's id, how often it was delivered, the reason.
    /// - Answers the ids of those that somebody had removed from the stream: this one, or none.
    static let bury = script(
        """
        if owns(ARGV[3], ARGV[4]) and not bury(ARGV[3], ARGV[4], ARGV[5]) then
          return {ARGV[3]}
        end
        return {}
        """, arguments: 5)

    /// Tells that the consumer lives and holds these deliveries. It takes none back whose entry was
    /// delivered again meanwhile.
    ///
    /// - ARGV: the deliveries.
    /// - Answers `UnkeptDeliveries`.
    static let extend = script(
        """
        local lost, removed = {}, {}
        for id, count in string.gmatch(ARGV[3], '(%S+) (%S+)') do
          if not owns(id, count) then
            lost[#lost + 1] = id .. ' ' .. count
          elseif not claim(consumer, id, 'JUSTID') then
            removed[#removed + 1] = id
          end
        end
        return {lost, removed}
        """, arguments: 3)

    /// Takes what is due: retries whose time has come, then, if asked, what consumers hold that
    /// have not been heard of. What was delivered often enough goes to the dead-letter stream.
    ///
    /// - ARGV: how many at most; attempts at most; the visibility timeout in milliseconds; 1 to
    ///   look at the other consumers, else 0; words and bytes of an entry that is sent.
    /// - Answers `ClaimedEntries`.
    static let claim = script(
        """
        local room, attempts_max = tonumber(ARGV[3]), tonumber(ARGV[4])
        local claimed, buried, removed = {}, {}, {}
        local function left() return room - #claimed - #buried - #removed end
        local function take(id, count)
          if count >= attempts_max then
            -- Somebody may have set it to more than Lua counts by.
            count = math.min(count, 9007199254740991)
            local reason = string.format('not acknowledged after %.0f attempts', count)
            if bury(id, string.format('%.0f', count), reason) then
              buried[#buried + 1] = {id, count}
            else
              removed[#removed + 1] = id
            end
            return
          end
          local entry = claim(consumer, id)
          redis.call('ZREM', retries, id)
          if not entry then
            redis.call('XACK', key, group, id)
            removed[#removed + 1] = id
            return
          end
          local size = 0
          for _, word in ipairs(entry[2]) do size = size + #word end
          local fits = #entry[2] <= tonumber(ARGV[7]) and size <= tonumber(ARGV[8])
          claimed[#claimed + 1] = {id, count + 1, fits and entry[2] or {}}
        end

        local due = redis.call('ZRANGEBYSCORE', retries, '-inf', now(), 'LIMIT', 0, room)
        for _, id in ipairs(due) do
          local found = redis.call('XPENDING', key, group, id, id, 1, 'retry')[1]
          if found then take(id, found[4]) else redis.call('ZREM', retries, id) end
        end
        if ARGV[6] == '1' then
          for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
            local other = dictionary(info)
            if left() <= 0 then break end
            local found = {}
            if other.name == 'retry' then
              -- Retries that have lost their time, if somebody has deleted the sorted set.
              for _, entry in ipairs(redis.call('XPENDING', key, group, '-', '+', 10, 'retry')) do
                if not redis.call('ZSCORE', retries, entry[1]) then found[#found + 1] = entry end
              end
            elseif other.pending > 0 then
              found = redis.call('XPENDING', key, group, 'IDLE', ARGV[5], '-', '+',
                left(), other.name)
            end
            for _, entry in ipairs(found) do
              if left() > 0 then take(entry[1], entry[4]) end
            end
          end
        end
        return {claimed, buried, removed}
        """, arguments: 8)

    /// Removes the names of consumers that are gone and have nothing pending, and from the stream's
    /// beginning what every group has acknowledged: some ten thousand entries at once.
    ///
    /// - ARGV: after how many milliseconds a consumer is gone.
    /// - Answers how many entries were removed.
    static let tidy = script(
        """
        for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
          local other = dictionary(info)
          if other.name == consumer then
            -- Says that this consumer lives, and reads nothing: before Redis 7.2 a wait that brings
            -- nothing does not say so. One that has left does not come back by it.
            redis.call('XREADGROUP', 'GROUP', group, consumer,
              'STREAMS', key, '18446744073709551614-0')
          elseif other.pending == 0 and other.idle > tonumber(ARGV[3]) then
            redis.call('XGROUP', 'DELCONSUMER', key, group, other.name)
          end
        end
        local lowest
        for _, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
          local other = dictionary(info)
          local first = redis.call('XPENDING', key, other.name)[2]
            or after(other['last-delivered-id'])
          if not lowest or less(first, lowest) then lowest = first end
        end
        local removed = redis.call('XTRIM', key, 'MINID', '~', lowest, 'LIMIT', 10000)
        -- What is left of the node that has the lowest one.
        if #redis.call('XRANGE', key, '-', '(' .. lowest, 'COUNT', 200) < 200 then
          removed = removed + redis.call('XTRIM', key, 'MINID', lowest)
        end
        return removed
        """, arguments: 3)

    /// Removes the consumer's name, unless it has something pending.
    static let leave = script(
        """
        if #redis.call('XPENDING', key, group, '-', '+', 1, consumer) > 0 then return 0 end
        redis.call('XGROUP', 'DELCONSUMER', key, group, consumer)
        return 1
        """, arguments: 2)

    /// What a consumer's connection must have loaded.
    static let all = [acknowledge, retry, bury, extend, claim, tidy, leave]

    private static func script(_ body: String, arguments: Int) -> RedisScript {
        RedisScript("\(common)\n\(body)", keys: 3, arguments: arguments)
    }

    /// What the scripts have in common.
    ///
    /// `remove` removes an entry once every group of the stream has been given it and has
    /// acknowledged it. After XDEL of the last entry that a group was given, Redis does not know
    /// any more how much that group has not been given (`lag`); after XTRIM it does. So such an
    /// entry goes when it is the stream's first.
    ///
    /// `claim` answers nothing for an entry that somebody has removed from the stream while it was
    /// pending. Redis 7 then takes it from what is pending, too; before, it stays there, and with
    /// JUSTID nobody is told.
    ///
    /// `bury` writes first and acknowledges then: if Redis refuses the write, the script ends
    /// there, and nothing has changed. It answers whether there was an entry.
    private static let common = """
        local key, dead, retries = KEYS[1], KEYS[2], KEYS[3]
        local group, consumer = ARGV[1], ARGV[2]

        local function now()
          local time = redis.call('TIME')
          return time[1] * 1000 + math.floor(time[2] / 1000)
        end

        local function dictionary(list)
          local values = {}
          for index = 1, #list, 2 do values[list[index]] = list[index + 1] end
          return values
        end

        -- Whether one id is before another. Their numbers may have more digits than Lua counts by.
        local function less(left, right)
          local function smaller(a, b) return #a < #b or #a == #b and a < b end
          local left_time, left_number = string.match(left, '(%d+)-(%d+)')
          local right_time, right_number = string.match(right, '(%d+)-(%d+)')
          if left_time ~= right_time then return smaller(left_time, right_time) end
          return smaller(left_number, right_number)
        end

        -- Whether the consumer has the entry by just this delivery, and not by a later one.
        local function owns(id, count)
          local found = redis.call('XPENDING', key, group, id, id, 1, consumer)[1]
          return found and found[4] == tonumber(count)
        end

        local function claim(name, id, ...)
          return redis.call('XCLAIM', key, group, name, 0, id, ...)[1]
        end

        -- The least id that is greater. One whose number is that large is Redis's own on no day.
        local function after(id)
          local time, number = string.match(id, '(%d+)-(%d+)')
          if #number > 15 then return id end
          return time .. '-' .. string.format('%d', tonumber(number) + 1)
        end

        local function remove(id)
          local groups = {}
          for _, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
            groups[#groups + 1] = dictionary(info)
          end
          local function done(entry)
            local is_last = false
            for _, other in ipairs(groups) do
              if less(other['last-delivered-id'], entry)
                or #redis.call('XPENDING', key, other.name, entry, entry, 1) > 0 then
                return false, false
              end
              is_last = is_last or other['last-delivered-id'] == entry
            end
            return true, is_last
          end
          local is_done, is_last = done(id)
          if is_done and not is_last then redis.call('XDEL', key, id) end
          local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
          if first and done(first[1]) then
            redis.call('XTRIM', key, 'MINID', after(first[1]))
          end
        end

        local function bury(id, attempts, reason)
          local entry = redis.call('XRANGE', key, id, id)[1]
          if entry then
            local words = {}
            -- Lua hands on no more than some thousand words at once.
            for index = 1, math.min(#entry[2], 1000) do words[index] = entry[2][index] end
            for _, word in ipairs({'dead_reason', reason, 'dead_attempts', attempts,
              'dead_group', group, 'dead_entry', id}) do
              words[#words + 1] = word
            end
            redis.call('XADD', dead, '*', unpack(words))
          end
          redis.call('XACK', key, group, id)
          redis.call('ZREM', retries, id)
          remove(id)
          return entry
        end

        """
}
