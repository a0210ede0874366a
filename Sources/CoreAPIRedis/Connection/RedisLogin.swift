/// The commands that log a new connection in (AUTH, CLIENT SETNAME, ROLE, SELECT and SCRIPT LOAD,
/// as needed, and a step of the connection's own), and the expected reply of each.
struct RedisLogin {
    /// The reply that a command must have.
    enum Expected {
        case exactly(RedisReply)
        /// Any reply, also an error: the connection is used without what the command asks for.
        case any
        /// The role of a master.
        case master
        /// What the connection's own step decides.
        case step(RedisLoginStep)
    }

    /// The encoded commands, in order.
    private(set) var command = RedisCommand()
    /// The expected reply of each command.
    private(set) var replies: [Expected] = []

    private static let ok = Expected.exactly(.status(Array("OK".utf8)))

    private let name: RedisClientName?
    private let scripts: [RedisScript]
    private let step: RedisLoginStep?

    /// - Parameter name: of the connection; nil for one without a name.
    init(
        _ url: RedisURL, name: RedisClientName? = nil, scripts: [RedisScript],
        step: RedisLoginStep? = nil
    ) {
        (self.name, self.scripts, self.step) = (name, scripts, step)
        if let words = RedisLogin.authentication(user: url.user, password: url.password) {
            add(words, RedisLogin.ok)
        }
        if let name { add(name.command, .any) }
        // Sentinels may name a server that is a replica, or about to become one.
        if url.place.sentinels != nil { add(["ROLE"], .master) }
        if url.database != 0 { add(["SELECT", String(url.database)], RedisLogin.ok) }
        for script in scripts + (step.map { [$0.script] } ?? []) {
            add(["SCRIPT", "LOAD", script.source], .exactly(.bulk(Array(script.digest.utf8))))
        }
        if let step {
            command.append(step.command)
            replies.append(.step(step))
        }
    }

    /// The same with the user, the password and the database of another URL.
    func with(_ url: RedisURL) -> RedisLogin {
        RedisLogin(url, name: name, scripts: scripts, step: step)
    }

    /// The words of `AUTH`; nil without a login.
    static func authentication(user: String?, password: String?) -> [String]? {
        // A user may exist without a password (`nopass`).
        if let user { return ["AUTH", user, password ?? ""] }
        // Servers before Redis 6 know only this form.
        return password.map { ["AUTH", $0] }
    }

    private mutating func add(_ words: [String], _ reply: Expected) {
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
        switch (replies[replies.count - missing], reply) {
        case (.any, _): break
        case (.step, .error(let error)): throw .server(secrets.stripped(error))
        case (_, .error(let error)): throw .refused(secrets.stripped(error))
        case (.step(let step), _):
            if let failure = step.failure(after: reply) { throw failure }
        case (.exactly(let expected), _):
            guard reply == expected else { throw .loginReplyUnexpected }
        case (.master, _):
            guard case .array(let parts) = reply, case .bulk(let role)? = parts.first else {
                throw .loginReplyUnexpected
            }
            guard role == Array("master".utf8) else { throw .notMaster }
        }
        return missing - 1
    }
}
