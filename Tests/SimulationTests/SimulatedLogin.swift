@testable import CoreAPIBase
@testable import CoreAPIRedis

/// What a model of Redis answers to the commands of a login, and which scripts it has.
struct SimulatedLogin {
    /// Until when the password is wrong.
    var refusedUntil = VirtualTime.start
    var loadingUntil = VirtualTime.start
    private(set) var scripts: Set<String> = []

    /// Nil for a command of another kind, which may be executed.
    mutating func reply(to words: [String], _ now: MonotonicTime) -> RedisReply? {
        switch words[0] {
        case "AUTH":
            return now < refusedUntil
                ? error("WRONGPASS invalid username-password pair") : .status(Array("OK".utf8))
        case "SELECT": return .status(Array("OK".utf8))
        case _ where now < loadingUntil: return error("LOADING Redis is loading the dataset")
        case "SCRIPT":
            guard now >= refusedUntil else { return error("NOPERM no permission") }
            let digest = RedisScript(words[2]).digest
            scripts.insert(digest)
            return .bulk(Array(digest.utf8))
        case "EVALSHA" where !scripts.contains(words[1]):
            return error("NOSCRIPT No matching script")
        default: return nil
        }
    }

    private func error(_ message: String) -> RedisReply {
        .error(RedisServerError(message: message))
    }

    mutating func forgetScripts() { scripts = [] }
}
