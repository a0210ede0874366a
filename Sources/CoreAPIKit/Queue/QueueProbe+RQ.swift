package import CoreAPIBase
package import CoreAPIRedis

/// python-rq's queue: a list that workers take from on the left, each job a hash, and a set of the
/// workers that have registered for the queue.
///
///     rq:queue:NAME                   list of job ids, the oldest first
///     rq:job:ID        enqueued_at
///     rq:workers:NAME                 set of keys rq:worker:…; a killed worker stays in it
///     rq:worker:…      last_heartbeat each 30 s at work; idle, 15 s before it would expire
extension QueueProbe {
    /// What Redis says of the queue, in this order:
    ///
    ///     depth        -1 if it is not known, -2 if the list's key holds another type
    ///     enqueued_at  of the oldest job; 0 if no job waits, -1 if it is not known
    ///     registered   how many workers; -1 if it is not known
    ///     heartbeat…   of each worker that is looked at; 0 if its hash is gone, -1 if it is
    ///                  not known
    ///
    /// - KEYS: the list, the set of workers.
    /// - ARGV: how many workers are looked at; what the key of each job begins with.
    static let rqScript = RedisScript(
        """
        local function time(key, field)
          local text = redis.pcall('HGET', key, field)
          if text == false then return 0 end
          if type(text) ~= 'string' then return -1 end
          return string.sub(text, 1, 64)
        end
        local depth = redis.pcall('LLEN', KEYS[1])
        if type(depth) ~= 'number' then
          depth = string.find(depth.err, 'WRONGTYPE', 1, true) and -2 or -1
        end
        local enqueued = -1
        if depth == 0 then enqueued = 0 end
        if depth > 0 then
          local id = redis.pcall('LINDEX', KEYS[1], 0)
          if type(id) == 'string' and #id <= 512 then
            enqueued = time(ARGV[2] .. id, 'enqueued_at')
            if enqueued == 0 then enqueued = -1 end
          end
        end
        local registered = redis.pcall('SCARD', KEYS[2])
        if type(registered) ~= 'number' then registered = -1 end
        local answer = {depth, enqueued, registered}
        local workers = redis.pcall('SRANDMEMBER', KEYS[2], ARGV[1])
        if workers.err then
          answer[3] = -1
          workers = {}
        end
        for _, worker in ipairs(workers) do
          answer[#answer + 1] = time(worker, 'last_heartbeat')
        end
        return answer
        """, keys: 2, arguments: 2)

    static func rqCommand(_ keys: RQKeys) -> RedisCommand {
        var command = RedisCommand(calling: rqScript)
        command.word(keys.list)
        command.word(keys.workers)
        command.word(decimal: QueueStatus.workersMax)
        command.word(keys.jobStart)
        return command
    }
}

extension QueueStatus {
    /// What `QueueProbe.rqScript` answers; nothing of what is not understood.
    package init(rq reply: RedisReply, silenceSecondsMax: Int, now: UnixTime) {
        self.init()
        guard case .array(let parts) = reply, parts.count >= 3 else { return }
        isWrongType = parts[0] == .integer(-2)
        depth = QueueProbe.count(parts[0])
        switch parts[1] {
        case .integer(0): oldestAgeSeconds = 0
        case .bulk(let text):
            oldestAgeSeconds = UnixTime(timestamp: text.span).map {
                QueueProbe.ageSeconds(of: $0, at: now)
            }
        default: break
        }
        guard let registered = QueueProbe.count(parts[2]) else { return }
        var alive = 0
        for heartbeat in parts.dropFirst(3) {
            switch heartbeat {
            // Its hash expires without heartbeats.
            case .integer(0): continue
            case .bulk(let text):
                guard let time = UnixTime(timestamp: text.span) else { return }
                // A heartbeat that comes too late makes a hash that does not expire.
                if QueueProbe.ageSeconds(of: time, at: now) <= silenceSecondsMax { alive += 1 }
            default: return
            }
        }
        workers = Workers(alive: alive, registered: registered)
    }
}
