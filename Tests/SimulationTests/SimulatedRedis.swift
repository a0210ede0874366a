@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A model of a Redis that executes scripts whose second time changes nothing, as consumers have
/// them: each adds a member to a set, and answers with the member.
final class SimulatedRedis {
    static let script = RedisScript(
        "redis.call('SADD', KEYS[1], ARGV[1]) return ARGV[1]", keys: 1, arguments: 1)

    var login = SimulatedLogin()
    var isUp = true
    // Until when something is wrong.
    var stalledUntil = VirtualTime.start
    var refusesUntil = VirtualTime.start
    var swallowsUntil = VirtualTime.start
    var readOnlyUntil = VirtualTime.start
    var outOfMemoryUntil = VirtualTime.start

    /// How often each member was added.
    private(set) var executions: [String: Int] = [:]

    /// Executes a command as one atomic step.
    func execute(_ words: [String], _ now: MonotonicTime) -> RedisReply {
        if let reply = login.reply(to: words, now) { return reply }
        switch words[0] {
        case "PING": return .status(Array("PONG".utf8))
        case _ where words.count != 5 || words[0] != "EVALSHA": return error("ERR unknown command")
        case _ where now < readOnlyUntil: return error("READONLY You can't write")
        case _ where now < outOfMemoryUntil: return error("OOM command not allowed")
        default:
            executions[words[4], default: 0] += 1
            return .bulk(Array(words[4].utf8))
        }
    }

    private func error(_ message: String) -> RedisReply {
        .error(RedisServerError(message: message))
    }
}
