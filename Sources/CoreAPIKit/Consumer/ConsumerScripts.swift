internal import CoreAPIRedis

/// The Lua scripts of a consumer. Each is one atomic, idempotent step, except `take`, whose entries
/// are delivered again if its reply is lost.
///
/// - KEYS: the stream, its dead-letter stream, the group's retries: a sorted set of entries' ids by
///   the time, in milliseconds since 1970, at which they are due.
/// - ARGV: the group, the consumer; then the script's own arguments. A delivery is an entry's id
///   and its delivery count, `1636027031123-0 2`.
///
/// With a fourth key and further arguments, `acknowledge`, `retry` and `deadLetter` write the
/// transaction's status as well (`TransactionStatusRecord.Note`): the record's key; for how many
/// seconds it lives, and its constant words.
///
/// An entry that waits for its next attempt stays pending and belongs to the pseudo-consumer
/// `retry`. So Redis keeps its delivery count, and a real consumer's pending entries are exactly
/// the deliveries in its hands.
enum ConsumerScripts {
    /// Acknowledges an entry, and removes it if every group has acknowledged it.
    ///
    /// - ARGV: the entry's id; with a status the delivery count.
    /// - Returns: 1 if the entry was pending, else 0.
    static let acknowledge = script(
        """
        local acked = redis.call('XACK', key, group, ARGV[3])
        if acked == 1 then
          redis.call('ZREM', retries, ARGV[3])
          -- Other groups may have it still.
          if remove(ARGV[3]) and KEYS[4] then
            tell(redis.call, KEYS[4], 'processed', ARGV[4], ARGV[3], ARGV[5], ARGV[6])
          end
        end
        return acked
        """, arguments: 3)

    /// Schedules the next attempt of deliveries that the consumer still owns.
    ///
    /// - ARGV: the deliveries; the pause in milliseconds; 1 to subtract an attempt from the count,
    ///   for deliveries that no handler took, else 0.
    /// - Returns: the ids of pending entries that were removed from the stream.
    static let retry = script(
        """
        local due, removed = now() + tonumber(ARGV[4]), {}
        for id, count in string.gmatch(ARGV[3], '(%S+) (%S+)') do
          if owns(id, count) then
            if claim('retry', id, 'RETRYCOUNT', count - ARGV[5], 'JUSTID') then
              redis.call('ZADD', retries, due, id)
              if KEYS[4] then
                tell(redis.call, KEYS[4], 'queued', count, id, ARGV[6], ARGV[7])
              end
            else
              removed[#removed + 1] = id
              if KEYS[4] then
                tell(redis.call, KEYS[4], 'failed', count, id, ARGV[6], ARGV[7])
              end
            end
          end
        end
        return removed
        """, arguments: 5)

    /// Moves the entry of a delivery that the consumer still owns to the dead-letter stream.
    ///
    /// - ARGV: the entry's id, its delivery count, the reason.
    /// - Returns: a list with the entry's id if the entry was removed from the stream while it was
    ///   pending, else an empty list.
    static let deadLetter = script(
        """
        if owns(ARGV[3], ARGV[4]) then
          local entry = dead_letter(ARGV[3], ARGV[4], ARGV[5])
          if KEYS[4] then
            tell(redis.call, KEYS[4], 'failed', ARGV[4], ARGV[3], ARGV[6], ARGV[7])
          end
          if not entry then return {ARGV[3]} end
        end
        return {}
        """, arguments: 5)

    /// Extends the lease of deliveries that the consumer still owns.
    ///
    /// - ARGV: the deliveries.
    /// - Returns: `UnkeptDeliveries`.
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

    /// Claims due retries and, if asked, the deliveries of other consumers whose lease has ended.
    /// Entries that have reached the maximum of attempts go to the dead-letter stream.
    ///
    /// - ARGV: the maximum number of entries; the maximum of attempts; the visibility timeout in
    ///   milliseconds; 1 to scan other consumers, else 0; the maximum of words and of bytes of an
    ///   entry whose fields are returned.
    /// - Returns: `ClaimedEntries`.
    static let claim = script(
        """
        local room, attempts_max = tonumber(ARGV[3]), tonumber(ARGV[4])
        local claimed, dead_lettered, removed = {}, {}, {}
        local function left() return room - #claimed - #dead_lettered - #removed end
        local function take(id, count)
          if count >= attempts_max then
            -- XCLAIM with RETRYCOUNT may have set the count above 2^53-1, Lua's largest integer.
            count = math.min(count, 9007199254740991)
            local reason = string.format('not acknowledged after %.0f attempts', count)
            local entry = dead_letter(id, string.format('%.0f', count), reason)
            if entry then
              dead_lettered[#dead_lettered + 1] = {id, count}
              tell_failed(dictionary(entry[2]), count, id)
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
              -- Retries without a due time, since the sorted set was deleted.
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
        return {claimed, dead_lettered, removed}
        """, arguments: 8)

    /// Removes idle consumers without pending entries from the group, and from the stream's
    /// beginning the entries that every group has acknowledged: about ten thousand in one call.
    ///
    /// - ARGV: the idle time in milliseconds after which a consumer is removed.
    /// - Returns: the number of removed entries.
    static let tidy = script(
        """
        for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
          local other = dictionary(info)
          if other.name == consumer then
            -- Resets the idle time of this consumer and reads no entry: before Redis 7.2 a blocked
            -- read without a result does not reset it. The command would create a consumer that has
            -- left the group, so it is sent only for one that XINFO lists.
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
        -- '~' trims whole nodes only: trim the rest of the node that contains `lowest` exactly.
        if #redis.call('XRANGE', key, '-', '(' .. lowest, 'COUNT', 200) < 200 then
          removed = removed + redis.call('XTRIM', key, 'MINID', lowest)
        end
        return removed
        """, arguments: 3)

    /// Removes the consumer from the group, unless it has pending entries.
    static let leave = script(
        """
        if #redis.call('XPENDING', key, group, '-', '+', 1, consumer) > 0 then return 0 end
        redis.call('XGROUP', 'DELCONSUMER', key, group, consumer)
        return 1
        """, arguments: 2)

    /// Takes entries that were not delivered to the group yet, from one partition after the other
    /// until there is no room. An error of one partition ends the search: with entries of others,
    /// those are returned.
    ///
    /// - KEYS: the streams.
    /// - ARGV: the group, the consumer, the maximum number of entries.
    /// - Returns: as XREADGROUP.
    static let take = RedisScript(
        """
        local left, taken = tonumber(ARGV[3]), {}
        for _, key in ipairs(KEYS) do
          if left <= 0 then break end
          local found = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left,
            'STREAMS', key, '>')
          if found and found.err then
            if #taken == 0 then return found end
            break
          end
          if found then
            taken[#taken + 1] = found[1]
            left = left - #found[1][2]
          end
        end
        return #taken > 0 and taken or nil
        """)

    /// Finds the partitions whose retries are due.
    ///
    /// - KEYS: the retries of the partitions.
    /// - Returns: the indices of the keys, from 1.
    static let due = RedisScript(
        """
        local time, found = redis.call('TIME'), {}
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        for index, key in ipairs(KEYS) do
          if redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 1)[1] then
            found[#found + 1] = index
          end
        end
        return found
        """)

    /// The scripts that a consumer's connection loads.
    static let all = [acknowledge, retry, deadLetter, extend, claim, tidy, leave, take, due]

    /// The function `less`: whether one entry's id is before another. The numbers may exceed Lua's
    /// integers.
    static let less = """
        local function less(left, right)
          local function smaller(a, b) return #a < #b or #a == #b and a < b end
          local left_time, left_number = string.match(left, '(%d+)-(%d+)')
          local right_time, right_number = string.match(right, '(%d+)-(%d+)')
          if left_time ~= right_time then return smaller(left_time, right_time) end
          return smaller(left_number, right_number)
        end
        """

    private static func script(_ body: String, arguments: Int) -> RedisScript {
        RedisScript("\(common)\n\(body)", keys: 3, arguments: arguments)
    }

    /// The functions that the scripts share.
    ///
    /// `remove` removes an entry once it was delivered to every group of the stream and every group
    /// has acknowledged it. After XDEL of a group's last delivered entry, Redis cannot compute the
    /// group's `lag` any more; after XTRIM it can. So such an entry is removed only once it is the
    /// stream's first.
    ///
    /// `claim` returns nil for an entry that was removed from the stream while it was pending.
    /// Redis 7 removes such an entry from the pending entries as well; Redis 6 keeps it there, and
    /// XCLAIM with JUSTID still returns its id.
    ///
    /// `dead_letter` writes before it acknowledges: if Redis refuses the write, the script ends
    /// without a change. It returns nil if the entry was removed from the stream.
    ///
    /// `remove` returns whether every group has acknowledged the entry.
    ///
    /// `tell` writes a status, unless a later entry of the transaction has one, or the entry has
    /// failed in another group. `tell_failed` writes that of an entry whose fields are known to the
    /// script alone; its key is not declared, so that it may be refused while the slot moves to
    /// another node of a cluster: then the status stays as it was.
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

        \(less)

        -- Whether the entry is pending at this consumer with exactly this delivery count.
        local function owns(id, count)
          local found = redis.call('XPENDING', key, group, id, id, 1, consumer)[1]
          return found and found[4] == tonumber(count)
        end

        local function claim(name, id, ...)
          return redis.call('XCLAIM', key, group, name, 0, id, ...)[1]
        end

        -- The next id. Redis never generates a sequence number of more than 15 digits.
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
          return is_done
        end

        local function tell(call, status, state, attempts, entry, seconds, constants)
          local known = call('GET', status)
          if type(known) == 'string' then
            local before, last = string.match(known, '^(%a+) %d+ %d+ (%d+%-%d+) ')
            if last and (less(entry, last) or last == entry and before == 'failed') then
              return
            end
          end
          local words = {state, string.format('%.0f', now()), attempts, entry, constants}
          call('SET', status, table.concat(words, ' '), 'EX', seconds)
        end

        local function tell_failed(fields, attempts, entry)
          local seconds = string.match(fields['status_seconds'] or '', '^[1-9]%d*$')
          local constants = {}
          for _, name in ipairs({'user_id', 'amount', 'currency', 'created_at'}) do
            constants[#constants + 1] = fields[name]
          end
          if not seconds or #seconds > 8 or not fields['id'] or #constants < 4 then return end
          local tag = string.match(key, '^{.+}$') or '{' .. key .. '}'
          tell(redis.pcall, 'core-api:status:' .. tag .. ':' .. fields['id'], 'failed',
            string.format('%.0f', attempts), entry, seconds, table.concat(constants, ' '))
        end

        local function dead_letter(id, attempts, reason)
          local entry = redis.call('XRANGE', key, id, id)[1]
          if entry then
            local words = {}
            -- Lua's unpack is limited to some thousand words.
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
