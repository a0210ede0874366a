internal import CoreAPIBase
internal import CoreAPIRedis

/// The lines of a batch's script that limit the rate of each user, as `UserRate` does, by Redis's
/// own clock:
///
///     core-api:limit:{TAG}:USER_ID    BASE USED    until it says no more than a missing one
///
/// `BASE` is in microseconds since 1970. A transaction counts in the step that enqueues it: what is
/// refused, or found by its idempotency key, writes nothing. One that was confirmed before, and is
/// sent again since Redis has lost it, counts again, since Redis has lost the rate too, and is
/// never refused.
///
/// A transaction that is refused keeps its number in the session, so that those behind it are not
/// sent again. Its number goes to a list beside the session, from which a login learns that it was
/// not applied (`ProducerCall.tellsOfEach`).
///
/// Of each message the script tells `STATE REMAINING SECONDS`, and of one that found a record that
/// as well: see `RateLimitAnswer`.
struct RateLimitScript {
    /// The position of the count in `argv`; the window in microseconds follows it.
    let position: Int
    /// The key of the list of refusals.
    let refusalsKey: String

    /// Before the messages. Without Redis's clock nothing is accepted.
    var start: String {
        """
        local quota, window = tonumber(argv[\(position)]), tonumber(argv[\(position + 1)])
        local now = time.err and 0 or time[1] * 1000000 + time[2]
        if time.err then problem, applied = time.err, skipped end
        local refused, refusedCount = {}, 0
        if skipped > 0 and not problem then
          local numbers = call('LRANGE', \(refusalsKey), 0, -1)
          if numbers.err then problem, applied = numbers.err, skipped end
          for _, number in ipairs(numbers) do refused[number] = true end
        end
        local function put(rate, base, used)
          local life = math.ceil((base + used * window / quota - now) / 1000)
          if life <= 0 then return call('SET', rate, '', 'PX', 1) end
          return call('SET', rate, string.format('%.0f %.0f', base, used), 'PX', life)
        end
        local function look(rate)
          local kept = call('GET', rate)
          if type(kept) == 'table' then return now, 0, kept.err end
          local base, used = string.match(kept or '', '^(%d+) (%d+)$')
          if not base then return now, 0 end
          base, used = tonumber(base), tonumber(used)
          local free = (now + window - base) * quota - used * window
          if free >= window * quota then return now, 0 end
          if free < 0 then return now + window, 0 end
          return base, used
        end
        """
    }

    /// Before the words of a message.
    let key = """
        key = key + 1
        local rate = KEYS[key]
        """

    /// Behind the record of a message.
    var before: String {
        """
        local base, used, isRefused, former = now, 0, false, nil
        if not problem then
          local wrong
          base, used, wrong = look(rate)
          if wrong then
            problem, isOwn = wrong, string.find(wrong, 'WRONGTYPE', 1, true)
          else
            local number = string.format('%.0f', tonumber(argv[1]) + index + 1)
            if index < skipped then
              isRefused = refused[number]
            elseif isNew and (now + window - base) * quota - used * window >= window then
              former = {base, used}
              used = used + 1
              if used == quota then base, used = base + window, 0 end
              local kept = put(rate, base, used)
              if kept.err then problem, former = kept.err, nil end
            elseif isNew and not isExempt then
              isRefused = true
              local kept = call('RPUSH', \(refusalsKey), number)
              if type(kept) ~= 'table' then
                refusedCount = refusedCount + 1
                kept = call('LTRIM', \(refusalsKey), -\(ProducerScripts.refusalsMax), -1)
              end
              if type(kept) == 'table' and kept.err then problem, isRefused = kept.err, false end
            end
          end
          if record and isNew and (problem or isRefused) then
            \(TransactionRecord.scriptUndo)
          end
          if isRefused then isNew = false end
        end
        """
    }

    /// Behind a message: one that is refused gives back what it has taken.
    let end = """
        if problem and former then put(rate, former[1], former[2]) end
        if not problem then
          local free = math.max((now + window - base) * quota - used * window, 0)
          local left = math.floor(free / window)
          local pause = math.ceil(((left + 1) * window - free) / quota / 1000000)
          records = records or {}
          records[#records + 1], records[#records + 2] = index,
            string.format('%s %.0f %.0f', isRefused and 'L' or found and 'F' or 'A', left, pause)
              .. (found and ' ' .. found or '')
        end
        """

    /// Behind the messages: the list of refusals lives as long as the session.
    var last: String {
        """
        if refusedCount > 0 then
          call('EXPIRE', \(refusalsKey), '\(ProducerScripts.lifetimeSeconds)')
        end
        """
    }

    /// Where nothing of a batch is applied after all: its numbers are free again.
    var undoAll: String {
        """
        if refusedCount > 0 then call('LTRIM', \(refusalsKey), 0, -1 - refusedCount) end
        """
    }

    // MARK: - The key

    private static var keyStart: StaticString { "core-api:limit:" }

    /// Adds the key of a user's rate to a batch.
    ///
    /// - Parameter tag: of the queue or the partition, with its braces (`HashTag`).
    /// - Returns: 1, the number of keys.
    static func addKey(ofUser userID: Int, _ tag: [UInt8], to keys: inout RedisCommand) -> Int {
        let count =
            keyStart.utf8CodeUnitCount + tag.count + 1 + ASCII.decimalLength(userID)
        keys.word(count: count) { word in
            word.append(keyStart)
            word.append(copying: tag.span)
            word.append(":")
            word.append(decimal: userID)
        }
        return 1
    }
}

/// What `RateLimitScript` tells of a message.
struct RateLimitAnswer: Equatable {
    enum State: Character {
        case applied = "A"
        /// The limit refuses it.
        case limited = "L"
        /// It found the record of its idempotency key.
        case found = "F"
    }

    let state: State
    let allowance: RateAllowance
    /// Of `found`.
    let record: [UInt8]

    /// - Parameter text: `STATE REMAINING SECONDS`, and of `found` the record behind it; nil for
    ///   any other.
    init?(_ text: [UInt8]) {
        let parts = text.split(
            separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].count == 1, let first = parts[0].first,
            let state = State(rawValue: Character(UnicodeScalar(first))),
            (state == .found) == (parts.count == 4),
            let remaining = Int(String(decoding: parts[1], as: UTF8.self)),
            let seconds = Int(String(decoding: parts[2], as: UTF8.self))
        else { return nil }
        self.state = state
        allowance = RateAllowance(remaining: remaining, seconds: seconds)
        record = state == .found ? Array(parts[3]) : []
    }
}
