internal import CoreAPIBase
internal import CoreAPIRedis

/// Reads the status of a transaction of a stream: its record, and, while that says `queued`, what
/// the groups' lists of pending entries say of its entry.
///
/// Redis delivers an entry by a command, not by a script, so that no record could be written in the
/// same step; to write one after each delivery would double the work of a consumer for a question
/// that is seldom asked. The list of pending entries is what Redis itself decides by.
enum StreamStatus {
    /// A stream of more groups is not looked at, as by `QueueProbe`.
    static let groupsMax = QueueProbe.groupsMax

    /// - KEYS: the record, the stream.
    /// - ARGV: how many groups are looked at; the name of the pseudo-consumer of retries.
    /// - Returns: null without a record; else its text and, if the groups know better, the state,
    ///   the milliseconds since the last sign of life (-1: see the record) and the attempts.
    ///
    /// An entry that every group has received and none has pending is acknowledged, by a consumer
    /// that writes no records. If it has left the stream as well, it may have been removed before
    /// it was acknowledged: then nobody knows, and it stays `processing`.
    static let script = RedisScript(
        """
        \(ConsumerScripts.less)
        local text = redis.call('GET', KEYS[1])
        if not text then return false end
        local attempts, entry = string.match(text, '^queued %d+ (%d+) (%d+%-%d+) ')
        if not entry then return {text} end
        local groups = redis.pcall('XINFO', 'GROUPS', KEYS[2])
        if groups.err then
          if string.find(groups.err, 'no such key', 1, true) then return {text} end
          return groups
        end
        if #groups > tonumber(ARGV[1]) then return {text} end
        local isDelivered, waits = #groups > 0, nil
        for _, info in ipairs(groups) do
          local known = {}
          for index = 1, #info, 2 do known[info[index]] = info[index + 1] end
          local found = redis.call('XPENDING', KEYS[2], known['name'], entry, entry, 1)[1]
          if found and found[2] ~= ARGV[2] then
            return {text, 'processing', found[3], found[4]}
          end
          if found then waits = found[4] end
          if found or less(known['last-delivered-id'], entry) then isDelivered = false end
        end
        if waits then return {text, 'queued', -1, waits} end
        if not isDelivered then return {text} end
        attempts = math.max(tonumber(attempts), 1)
        if redis.call('XRANGE', KEYS[2], entry, entry)[1] then
          return {text, 'processed', -1, attempts}
        end
        return {text, 'processing', -1, attempts}
        """)

    static func command(
        _ id: TransactionID, _ stream: StreamPartitions, _ partition: Int
    ) -> RedisCommand {
        RedisCommand(
            calling: script,
            keys: [
                TransactionStatusRecord.key(stream.tag(partition), id), stream.streamKey(partition),
            ],
            arguments: [String(groupsMax), ConsumerCommands.retryConsumerName])
    }

    /// What the script's reply means; nil if the transaction is not known, or another user's.
    ///
    /// - Parameter userID: nil for any.
    static func status(
        of id: TransactionID, userID: Int?, _ reply: RedisReply, now: UnixTime
    ) throws(RedisError) -> TransactionStatus? {
        if case .null = reply { return nil }
        guard case .array(let parts) = reply, case .bulk(let text)? = parts.first else {
            throw .protocolViolation
        }
        guard let record = TransactionStatusRecord.status(of: id, userID: userID, text) else {
            return nil
        }
        guard parts.count > 1 else { return record }
        guard parts.count == 4, case .bulk(let name) = parts[1],
            let state = TransactionStatus.State(rawValue: String(decoding: name, as: UTF8.self)),
            case .integer(let idle) = parts[2], case .integer(let attempts) = parts[3]
        else { throw .protocolViolation }
        let sign =
            idle < 0
            ? record.updatedAt
            : UnixTime(milliseconds: now.nanoseconds / 1_000_000 - idle)
        return TransactionStatus(
            id: id, state: state, amount: record.amount, currency: record.currency,
            userID: record.userID, createdAt: record.createdAt, updatedAt: sign,
            attempts: Int(attempts))
    }
}
