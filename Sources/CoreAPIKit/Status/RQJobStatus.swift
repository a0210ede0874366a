internal import CoreAPIBase
internal import CoreAPIRedis

/// Reads the status of a transaction from its job of python-rq (1.10 to 3.0).
///
/// The job's hash has all of it: `status` and the times are rq's, `description` and `created_at`
/// are as `RQJob` has written them. rq moves a job from one registry to another in one step with
/// the hash, so that the registries tell nothing more. Nothing is unpickled.
enum RQJobStatus {
    /// - KEYS: the job's hash, its results.
    /// - Returns: of the hash the fields `fields`; how many executions have left a result, 0 before
    ///   rq 1.12, which writes none: the values of the results are not read.
    static let script = RedisScript(
        """
        local found = redis.call('HMGET', KEYS[1], unpack(ARGV))
        local results = redis.pcall('XLEN', KEYS[2])
        found[#found + 1] = type(results) == 'number' and results or 0
        return found
        """)

    private static let fields = [
        "status", "origin", "description", "created_at", "enqueued_at", "started_at", "ended_at",
    ]

    static func command(_ id: TransactionID, _ keys: RQKeys) -> RedisCommand {
        RedisCommand(
            calling: script, keys: ["\(keys.jobStart)\(id)", "\(keys.resultsStart)\(id)"],
            arguments: fields)
    }

    /// The state of a job of this status. One that a newer rq may have is not final.
    static func state(_ status: String) -> TransactionStatus.State {
        switch status {
        case "created", "queued", "deferred", "scheduled", "rate_limited", "ready_to_enqueue":
            .queued
        case "finished": .processed
        case "failed", "stopped", "canceled": .failed
        default: .processing
        }
    }

    /// What the script's reply means; nil if there is no such job of the queue, or it is another
    /// user's, or none that Core API has written.
    ///
    /// - Parameter userID: nil for any.
    static func status(
        of id: TransactionID, userID: Int?, queue: String, _ reply: RedisReply
    ) throws(RedisError) -> TransactionStatus? {
        guard case .array(let parts) = reply, parts.count == fields.count + 1,
            case .integer(let results) = parts[fields.count]
        else { throw .protocolViolation }
        var texts: [String] = []
        for part in parts.dropLast() {
            switch part {
            case .bulk(let bytes): texts.append(String(decoding: bytes, as: UTF8.self))
            case .null: texts.append("")
            default: throw .protocolViolation
            }
        }
        guard texts[1] == queue, let call = RQJob.Call(description: texts[2]),
            userID ?? call.userID == call.userID,
            let created = UnixTime(timestamp: texts[3].utf8.span)
        else { return nil }
        let times = texts[3...].compactMap { UnixTime(timestamp: $0.utf8.span) }
        let state = state(texts[0])
        let wasStarted = !texts[5].isEmpty
        // While it runs, its execution has no result yet.
        let executions = Int(results) + (state == .processing ? 1 : 0)
        return TransactionStatus(
            id: id, state: state, amount: call.amount, currency: call.currency,
            userID: call.userID, createdAt: created, updatedAt: times.max() ?? created,
            attempts: max(executions, wasStarted ? 1 : 0))
    }
}

extension RQJob {
    /// The transaction's values in a job's description.
    struct Call: Equatable {
        let amount: Amount
        let currency: CurrencyCode
        let userID: Int

        /// - Parameter description: `FUNCTION(amount=1000, currency='USD', user_id=1)`; nil for any
        ///   other form.
        init?(description: String) {
            let text = description.utf8
            guard let open = text.firstIndex(of: UInt8(ascii: "(")),
                text.last == UInt8(ascii: ")")
            else { return nil }
            let inner = description[description.utf8.index(after: open)...].dropLast()
            // By one character: a separator of several needs the engine of regular expressions.
            let parts = inner.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count == 3,
                let amount = Call.value(parts[0], "amount=", "").flatMap({ Call.integer($0) })
                    .flatMap({ Amount(queued: $0) }),
                let currency = Call.value(parts[1], " currency='", "'")
                    .flatMap({ CurrencyCode(queued: String($0)) }),
                let user = Call.value(parts[2], " user_id=", "").flatMap({ Call.integer($0) })
            else { return nil }
            self.amount = amount
            self.currency = currency
            userID = user
        }

        private static func value(
            _ part: Substring, _ prefix: String, _ suffix: String
        ) -> Substring? {
            guard part.hasPrefix(prefix), part.hasSuffix(suffix),
                part.utf8.count >= prefix.utf8.count + suffix.utf8.count
            else { return nil }
            return part.dropFirst(prefix.count).dropLast(suffix.count)
        }

        private static func integer(_ text: Substring) -> Int? {
            guard let value = Int(text), value >= 0, String(value) == text else { return nil }
            return value
        }
    }
}
