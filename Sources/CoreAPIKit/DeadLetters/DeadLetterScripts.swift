internal import CoreAPIRedis

/// The Lua scripts of a store of dead letters. Each is one atomic step over a bounded number of
/// letters. What one of them returns fits into a reply (`RedisReplyReader.replyBytesMax`).
///
/// A script that changes something first proves, by a removal that finds nothing, that it may
/// remove: what is put back is then removed from the dead letters in the same step.
struct DeadLetterScripts {
    /// Counts the letters.
    ///
    /// - KEYS: the places, each with one key.
    /// - Returns: a number for each.
    let count: RedisScript
    /// Reads letters.
    ///
    /// - KEYS: the place.
    /// - ARGV: `up` for the oldest first, `down`, or `one` for the letter of an id; the position
    ///   after which it begins, or the id; the maximum number of letters; the maximum of bytes of
    ///   a value; of rq the prefix of its keys.
    /// - Returns: for each letter a position, an id and words.
    let read: RedisScript
    /// Puts letters back. The status of a stream's transaction, if it is kept, becomes `queued`.
    ///
    /// - KEYS: the place, the queue; of rq the set of all queues.
    /// - ARGV: of rq the time and the prefix of its keys; then ids.
    /// - Returns: how many were there.
    let requeue: RedisScript
    /// Removes letters.
    ///
    /// - KEYS: the place.
    /// - ARGV: of rq the prefix of its keys; then ids.
    /// - Returns: how many were there.
    let remove: RedisScript

    var all: [RedisScript] { [count, read, requeue, remove] }

    /// The number of bytes after which a reading ends.
    private static let replyBytesMax = 300_000

    // MARK: - Streams

    /// The words of an entry are its first names and values, and the last, which a consumer has
    /// added.
    static let stream = DeadLetterScripts(
        count: RedisScript(
            """
            local counts = {}
            for index, key in ipairs(KEYS) do counts[index] = redis.call('XLEN', key) end
            return counts
            """),
        read: RedisScript(
            """
            local mode, after, found = ARGV[1], ARGV[2], nil
            if mode == 'one' then
              found = redis.call('XRANGE', KEYS[1], after, after)
            elseif mode == 'up' then
              found = redis.call('XRANGE', KEYS[1], after == '' and '-' or '(' .. after, '+',
                'COUNT', ARGV[3])
            else
              found = redis.call('XREVRANGE', KEYS[1], after == '' and '+' or '(' .. after, '-',
                'COUNT', ARGV[3])
            end
            local letters, size = {}, 0
            for _, entry in ipairs(found) do
              local words, count = {entry[1], entry[1]}, #entry[2]
              for index = 1, count do
                if index <= 64 or index > count - 8 then
                  words[#words + 1] = string.sub(entry[2][index], 1, tonumber(ARGV[4]))
                  size = size + #words[#words]
                end
              end
              letters[#letters + 1] = words
              if size > \(replyBytesMax) then break end
            end
            return letters
            """),
        requeue: RedisScript(
            """
            redis.call('XDEL', KEYS[1], '0-0')
            local time = redis.call('TIME')
            local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
            local tag = string.match(KEYS[2], '^{.+}$') or '{' .. KEYS[2] .. '}'
            local function write_status(fields, entry)
              if not fields.status_seconds or not fields.id then return end
              local text = {'queued', now, '0', entry}
              for _, name in ipairs({'user_id', 'amount', 'currency', 'created_at'}) do
                text[#text + 1] = fields[name] or ''
              end
              redis.pcall('SET', 'core-api:status:' .. tag .. ':' .. fields.id,
                table.concat(text, ' '), 'EX', fields.status_seconds)
            end
            local count = 0
            for _, id in ipairs(ARGV) do
              local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
              local words, fields = {}, {}
              for index = 1, letter and #letter[2] or 0, 2 do
                local name, value = letter[2][index], letter[2][index + 1]
                if string.sub(name, 1, 5) ~= 'dead_' then
                  words[#words + 1] = name
                  words[#words + 1] = value
                  fields[name] = value
                end
              end
              if #words > 0 then
                local entry = redis.call('XADD', KEYS[2], '*', unpack(words))
                redis.call('XDEL', KEYS[1], id)
                write_status(fields, entry)
                count = count + 1
              end
            end
            return count
            """),
        remove: RedisScript("return redis.call('XDEL', KEYS[1], unpack(ARGV))"))

    // MARK: - python-rq

    /// A position is the score, a space and the id. rq keeps failed jobs in a sorted set, by the
    /// time at which it forgets them, -1 for never: those of the past count for nothing.
    ///
    /// The words of a job are names and values of text fields, and one of these:
    ///
    ///     exc_info     zlib, or text
    ///     exc_string   zlib in Base64, of the newest result (rq 1.12 and later)
    ///     gone         the hash has expired
    ///
    /// `exc_info` counts first: rq empties it when it puts a job back, so it is of the last failure
    /// if it is there at all. An empty text has 8 bytes in zlib.
    static let rq = DeadLetterScripts(
        count: RedisScript(
            """
            local now = redis.call('TIME')[1]
            return {redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
              + redis.call('ZCOUNT', KEYS[1], '-inf', '(0')}
            """),
        read: RedisScript(
            """
            local mode, after, prefix = ARGV[1], ARGV[2], ARGV[5]
            local now, key = tonumber(redis.call('TIME')[1]), KEYS[1]
            local function less(a, b)
              for index = 1, math.min(#a, #b) do
                local left, right = string.byte(a, index), string.byte(b, index)
                if left ~= right then return left < right end
              end
              return #a < #b
            end
            local function at(index)
              return redis.call('ZRANGE', key, index, index, 'WITHSCORES')
            end
            -- The number of members before the position: equal scores are ordered by their bytes.
            local function rank(score, id)
              local low, high = 0, redis.call('ZCARD', key)
              while low < high do
                local middle = math.floor((low + high) / 2)
                local found = at(middle)
                local other = tonumber(found[2])
                if other < score or other == score and less(found[1], id) then
                  low = middle + 1
                else
                  high = middle
                end
              end
              return low
            end
            local found
            local limit = tonumber(ARGV[3])
            if mode == 'one' then
              local score = redis.call('ZSCORE', key, after)
              found = score and {after, score} or {}
            else
              local first = mode == 'up' and 0 or redis.call('ZCARD', key) - 1
              if after ~= '' then
                local score, id = string.match(after, '^(%S+) (.*)$')
                first = rank(tonumber(score), id)
                if mode == 'down' then first = first - 1
                elseif at(first)[1] == id then first = first + 1 end
              end
              if mode == 'up' then
                found = redis.call('ZRANGE', key, first, first + limit - 1, 'WITHSCORES')
              elseif first < 0 then
                found = {}
              else
                local last, list = math.max(0, first - limit + 1), nil
                list = redis.call('ZRANGE', key, last, first, 'WITHSCORES')
                found = {}
                for index = #list - 1, 1, -2 do
                  found[#found + 1] = list[index]
                  found[#found + 1] = list[index + 1]
                end
              end
            end
            local names = {'description', 'created_at', 'ended_at', 'status'}
            if mode == 'one' then
              names = {'description', 'created_at', 'enqueued_at', 'started_at', 'ended_at',
                'origin', 'status', 'timeout', 'worker_name'}
            end
            local letters, size, bytes_max = {}, 0, tonumber(ARGV[4])
            for index = 1, #found, 2 do
              local id, score = found[index], found[index + 1]
              local words = {score .. ' ' .. id, id}
              local function add(name, value)
                words[#words + 1], words[#words + 2] = name, value
                size = size + #value
              end
              local job = prefix .. 'job:' .. id
              local values = redis.pcall('HMGET', job, 'exc_info', unpack(names))
              if values.err then
                if not string.find(values.err, 'WRONGTYPE', 1, true) then return values end
                values = {'the key of its job holds no hash'}
              end
              for number, name in ipairs(names) do
                local value = values[number + 1]
                if value then add(name, string.sub(value, 1, 1024)) end
              end
              local failure, kind = values[1], 'exc_info'
              if not failure or #failure <= 8 then
                local results = redis.pcall('XREVRANGE', prefix .. 'results:' .. id, '+', '-',
                  'COUNT', 1)
                for number = 1, results[1] and #results[1][2] or 0, 2 do
                  if results[1][2][number] == 'exc_string' then
                    failure, kind = results[1][2][number + 1], 'exc_string'
                  end
                end
              end
              if #words == 2 then
                add('gone', '1')
              elseif failure and #failure > bytes_max then
                add('exc_long', '1')
              elseif failure then
                add(kind, failure)
              end
              if tonumber(score) < 0 or tonumber(score) > now then
                letters[#letters + 1] = words
              else
                letters[#letters + 1] = {words[1]}
              end
              if size > \(replyBytesMax) then break end
            end
            return letters
            """),
        // As rq does it, in one step. A queued job does not expire, as a failed one may. Jobs with
        // a rate limit of rq 3 wait for more than the queue, so only rq itself puts them back.
        requeue: RedisScript(
            """
            redis.call('ZREM', KEYS[1], '')
            local count = 0
            for index = 3, #ARGV do
              local id = ARGV[index]
              local job = ARGV[2] .. 'job:' .. id
              if redis.call('ZSCORE', KEYS[1], id) and redis.pcall('HEXISTS', job, 'data') == 1
                and redis.call('HEXISTS', job, 'rate_limit_key') == 0 then
                redis.call('SADD', KEYS[3], KEYS[2])
                redis.call('RPUSH', KEYS[2], id)
                redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[1],
                  'started_at', '', 'ended_at', '', 'exc_info', '')
                if redis.call('HEXISTS', job, 'ttl') == 0 then redis.call('PERSIST', job) end
                redis.call('ZREM', KEYS[1], id)
                count = count + 1
              end
            end
            return count
            """),
        remove: RedisScript(
            """
            local count = 0
            for index = 2, #ARGV do
              local id = ARGV[index]
              if redis.call('ZSCORE', KEYS[1], id) then
                local job = ARGV[1] .. 'job:' .. id
                redis.call('DEL', job, job .. ':dependents', job .. ':dependencies',
                  ARGV[1] .. 'results:' .. id)
                redis.call('ZREM', KEYS[1], id)
                count = count + 1
              end
            end
            return count
            """))
}
