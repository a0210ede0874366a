internal import CoreAPIBase

/// What a sentinel says to the question for the master.
package enum SentinelAnswer: Equatable {
    /// No answer in time, or no answer that a sentinel gives.
    case none
    /// The sentinel does not know the name.
    case nameUnknown
    /// An error reply, such as a login that is refused.
    case refused(RedisServerError)
    case master(RedisAddress)
}

extension SentinelAnswer {
    /// Parses the reply to `SENTINEL GET-MASTER-ADDR-BY-NAME`: address and port, or null.
    init(_ reply: RedisReply) {
        switch reply {
        case .null: self = .nameUnknown
        case .error(let error): self = .refused(error)
        case .array(let parts) where parts.count == 2:
            self = RedisAddress(parts[0], parts[1]).map { .master($0) } ?? .none
        case .array, .status, .integer, .bulk: self = .none
        }
    }

    /// Parses the reply to `SENTINEL SENTINELS`: of each other sentinel, its fields and their
    /// values. One without an address is passed over. Nil for any other reply.
    static func otherSentinels(_ reply: RedisReply) -> [RedisAddress]? {
        guard case .array(let sentinels) = reply else { return nil }
        return sentinels.prefix(SentinelStateMachine.sentinelsMax).compactMap { sentinel in
            guard case .array(let fields) = sentinel else { return nil }
            var found: (host: RedisReply?, port: RedisReply?)
            for index in stride(from: 0, to: fields.count - 1, by: 2) {
                switch fields[index] {
                case .bulk(Array("ip".utf8)): found.host = fields[index + 1]
                case .bulk(Array("port".utf8)): found.port = fields[index + 1]
                default: break
                }
            }
            guard let host = found.host, let port = found.port else { return nil }
            return RedisAddress(host, port)
        }
    }

    /// Parses a message of the channel `+switch-master`: the master's name, the old address and
    /// port, the new address and port. Nil for any other, and for another master's.
    static func failover(
        _ reply: RedisReply, of master: String
    ) -> (old: RedisAddress, new: RedisAddress)? {
        guard case .array(let parts) = reply, parts.count == 3,
            parts[0] == .bulk(Array("message".utf8)),
            parts[1] == .bulk(Array(failoverChannel.utf8)), case .bulk(let text) = parts[2]
        else { return nil }
        let words = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { Array($0) }
        guard words.count == 5, words[0] == Array(master.utf8),
            let old = RedisAddress(.bulk(words[1]), .bulk(words[2])),
            let new = RedisAddress(.bulk(words[3]), .bulk(words[4]))
        else { return nil }
        return (old, new)
    }

    static let failoverChannel = "+switch-master"
}

extension RedisAddress {
    /// Nil unless both are texts of an address.
    init?(_ host: RedisReply, _ port: RedisReply) {
        guard case .bulk(let hostBytes) = host, case .bulk(let digits) = port,
            let text = String(validating: hostBytes, as: UTF8.self),
            RedisURLAuthority.isHost(text),
            let number = Digits.integer(0..<digits.count, of: digits.span),
            1...65_535 ~= number
        else { return nil }
        self.init(host: text, port: UInt16(number))
    }
}
