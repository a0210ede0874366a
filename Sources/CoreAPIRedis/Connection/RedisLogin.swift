/// What a new connection begins with: AUTH, SELECT and SCRIPT LOAD, as far as they are needed, and
/// the reply that each of them must have.
struct RedisLogin {
    /// The commands, one after the other.
    private(set) var command = RedisCommand()
    /// The right reply to each.
    private(set) var replies: [RedisReply] = []

    private static let ok = RedisReply.status(Array("OK".utf8))

    init(_ url: RedisURL, scripts: [RedisScript]) {
        if let user = url.user {
            // A user may have no password (`nopass`).
            add(["AUTH", user, url.password ?? ""], RedisLogin.ok)
        } else if let password = url.password {
            // The form that servers before Redis 6 know too.
            add(["AUTH", password], RedisLogin.ok)
        }
        if url.database != 0 { add(["SELECT", String(url.database)], RedisLogin.ok) }
        for script in scripts {
            add(["SCRIPT", "LOAD", script.source], .bulk(Array(script.digest.utf8)))
        }
    }

    private mutating func add(_ words: [String], _ reply: RedisReply) {
        command.add(words)
        replies.append(reply)
    }

    /// Whether the reply is the right one to the command after which so many are left.
    func accepts(_ reply: RedisReply, remaining: Int) -> Bool {
        replies.dropLast(remaining).last == reply
    }
}
