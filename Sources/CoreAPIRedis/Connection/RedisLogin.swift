/// The commands that log a new connection in (AUTH, SELECT and SCRIPT LOAD, as needed, and a step
/// of the connection's own), and the expected reply of each.
struct RedisLogin {
    /// The encoded commands, in order.
    private(set) var command = RedisCommand()
    /// The expected reply of each command.
    private(set) var replies: [RedisReply] = []
    /// Belongs to the last command.
    private let step: RedisLoginStep?

    private static let ok = RedisReply.status(Array("OK".utf8))

    init(_ url: RedisURL, scripts: [RedisScript], step: RedisLoginStep? = nil) {
        self.step = step
        if let user = url.user {
            // A user may exist without a password (`nopass`).
            add(["AUTH", user, url.password ?? ""], RedisLogin.ok)
        } else if let password = url.password {
            // Servers before Redis 6 know only this form.
            add(["AUTH", password], RedisLogin.ok)
        }
        if url.database != 0 { add(["SELECT", String(url.database)], RedisLogin.ok) }
        for script in scripts + (step.map { [$0.script] } ?? []) {
            add(["SCRIPT", "LOAD", script.source], .bulk(Array(script.digest.utf8)))
        }
        if let step {
            command.append(step.command)
            replies.append(step.reply)
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
        let step = missing == 1 ? step : nil
        if case .error(let error) = reply {
            let error = secrets.stripped(error)
            throw step == nil ? .refused(error) : .server(error)
        }
        if let failure = step?.failure(after: reply) { throw failure }
        guard replies[replies.count - missing] == reply else { throw .loginReplyUnexpected }
        return missing - 1
    }
}
