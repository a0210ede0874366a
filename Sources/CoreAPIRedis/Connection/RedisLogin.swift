/// The commands that log a new connection in (AUTH, SELECT and SCRIPT LOAD, as needed), and the
/// expected reply of each.
struct RedisLogin {
    /// The encoded commands, in order.
    private(set) var command = RedisCommand()
    /// The expected reply of each command.
    private(set) var replies: [RedisReply] = []

    private static let ok = RedisReply.status(Array("OK".utf8))

    init(_ url: RedisURL, scripts: [RedisScript]) {
        if let user = url.user {
            // A user may exist without a password (`nopass`).
            add(["AUTH", user, url.password ?? ""], RedisLogin.ok)
        } else if let password = url.password {
            // Servers before Redis 6 know only this form.
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

    /// Checks the next reply, and returns how many are missing after it.
    ///
    /// - Parameter missing: the number of missing replies before it, at least 1.
    /// - Throws: the reason to end the connection.
    func received(
        _ reply: RedisReply, missing: Int, _ secrets: RedisSecrets
    ) throws(RedisError) -> Int {
        if case .error(let error) = reply { throw .refused(secrets.stripped(error)) }
        guard replies[replies.count - missing] == reply else { throw .loginReplyUnexpected }
        return missing - 1
    }
}
