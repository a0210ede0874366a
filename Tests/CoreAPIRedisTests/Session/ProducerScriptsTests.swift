import Testing

@testable import CoreAPIBase
@testable import CoreAPIRedis

/// Tests of a producer session with the real scripts in a real Redis.
@Suite(.timeLimit(.minutes(5))) struct ProducerScriptsTests: ProducerTranscript {
    /// Logs in, loads the scripts and opens the session; returns the result of the login.
    private func login(
        _ redis: ScriptedRedis, _ session: inout Session, clock: Int = 0
    ) throws -> [Session.ReplyAction] {
        for script in session.call.scripts { try redis.command("SCRIPT", "LOAD", script.source) }
        session.loggedIn()
        var actions: [Session.ReplyAction] = []
        while !session.isReady, session.state != .disconnected {
            try send(redis, &session)
            actions.append(session.received(try redis.receive(), now: after(clock)))
        }
        return actions
    }

    /// Sends the session's output and returns its bytes.
    @discardableResult
    private func send(
        _ redis: ScriptedRedis, _ session: inout Session, at now: MonotonicTime? = nil
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try session.flush(now: now ?? start) { output, position throws(SystemError) in
            bytes += output[position...]
            return output.count - position
        }
        if !bytes.isEmpty { try redis.send(bytes) }
        return bytes
    }

    /// Sends the session's output and passes all due replies to the session.
    private func exchange(
        _ redis: ScriptedRedis, _ session: inout Session
    ) throws -> [Session.ReplyAction] {
        try send(redis, &session)
        var actions: [Session.ReplyAction] = []
        while session.isAwaiting {
            actions.append(session.received(try redis.receive(), now: start))
            try send(redis, &session)
        }
        return actions
    }

    private func queue(_ redis: ScriptedRedis) throws -> RedisReply {
        try redis.command("LRANGE", "queue", "0", "-1")
    }

    private func texts(_ texts: String...) -> RedisReply { .array(texts.map { text($0) }) }

    @Test func `a server that is too old is refused with its version`() throws {
        let redis = try ScriptedRedis()
        for (least, isRefused) in [((6, 2), false), ((7, 0), false), ((99, 0), true)] {
            let script = ProducerScripts.open(leastVersion: least)
            let reply = try redis.command("EVAL", script.source, "1", "session")
            guard case .error(let error) = reply else {
                #expect(!isRefused)
                continue
            }
            #expect(isRefused)
            #expect(error.message.hasSuffix(" is too old: version 99.0 is the least"))
            #expect(!error.isPassing)
        }
    }

    @Test func `messages are applied once, and their copies have no effect`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        #expect(try login(redis, &session) == [.flush, .ready([], nil)])
        #expect(try redis.command("TTL", "session") == .integer(86_400))
        guard case .bulk(let info) = try redis.command("INFO", "replication") else { return }
        #expect(session.run.count == 40)
        #expect(String(decoding: info, as: UTF8.self).contains("master_replid:" + session.run))
        submit(1...2, &session)
        let copy = try send(redis, &session)
        #expect(
            session.received(try redis.receive(), now: start)
                == .resolve([.applied(1), .applied(2)]))
        try redis.send(copy)
        #expect(try redis.receive() == .integer(3))
        #expect(try queue(redis) == texts("m1", "m2"))
    }

    @Test func `a lost reply is settled, and its copy has no effect behind the fence`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        _ = try login(redis, &session)
        submit(1...1, &session)
        try send(redis, &session)
        _ = try redis.receive()
        submit(2...2, &session)
        var copy: [UInt8] = []
        try session.flush(now: start) { output, position throws(SystemError) in
            copy += output[position...]
            return output.count - position
        }
        _ = session.lost(.connectionLost, now: start)
        try redis.connect()
        #expect(try login(redis, &session) == [.flush, .ready([.applied(1)], nil)])
        #expect(try exchange(redis, &session) == [.resolve([.applied(2)])])
        try redis.send(copy)
        _ = try redis.receive()
        #expect(try queue(redis) == texts("m1", "m2"))
    }

    @Test func `records are found, in the batch and before it`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        _ = try login(redis, &session)
        _ = submit(1, key: "a", &session)
        _ = submit(2, &session)
        _ = submit(3, key: "a", &session)
        #expect(
            try exchange(redis, &session)
                == [.resolve([.applied(1), .applied(2), .found(3, "m1")])])
        _ = submit(4, key: "a", &session)
        #expect(try exchange(redis, &session) == [.resolve([.found(4, "m1")])])
        #expect(try queue(redis) == texts("m1", "m2"))
    }

    @Test func `gaps, late batches and missing sessions are refused`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        // The session's estimate of Redis's clock is 6 s behind.
        _ = try login(redis, &session, clock: 6_000)
        submit(1...1, &session)
        try send(redis, &session)
        let late = try redis.receive()
        #expect(late == error("SESSION late"))
        #expect(
            session.received(late, now: start)
                == .fail(.server(RedisServerError(message: "SESSION late"))))
        _ = session.lost(.connectionLost, now: start)
        _ = try login(redis, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(1)])])
        try redis.command("SET", "session", "1")
        submit(2...2, &session)
        try send(redis, &session)
        #expect(try redis.receive() == error("SESSION gap"))
        _ = session.lost(.connectionLost, now: start)
        try redis.command("DEL", "session")
        let actions = try login(redis, &session)
        #expect(actions.count == 2)
        try redis.command("DEL", "session")
        submit(3...3, &session)
        try send(redis, &session)
        #expect(try redis.receive() == error("SESSION missing"))
        #expect(try queue(redis) == texts("m1"))
    }

    @Test func `a full Redis refuses all, a wrong type what it meets`() throws {
        let redis = try ScriptedRedis()
        var limits = ProducerLimits()
        limits.batchMax = 1
        var session = session(limits: limits)
        _ = try login(redis, &session)
        try redis.command("CONFIG", "SET", "maxmemory", "1")
        submit(1...2, &session)
        for action in try exchange(redis, &session) {
            guard case .resolve(let resolutions) = action else { continue }
            for case .failure(.notExecuted(.server(let error))) in resolutions.array.map(\.result) {
                #expect(error.kind == .outOfMemory)
            }
        }
        #expect(session.pendingCount == 0)
        try redis.command("CONFIG", "SET", "maxmemory", "0")
        #expect(try redis.command("GET", "session") == text("1"))
        try redis.command("SET", "queue", "text")
        submit(3...5, &session)
        for action in try exchange(redis, &session) {
            guard case .resolve(let resolutions) = action else { continue }
            for case .failure(.notExecuted(.server(let error))) in resolutions.array.map(\.result) {
                #expect(error.kind == .wrongType)
            }
        }
        try redis.command("DEL", "queue")
        submit(6...6, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(6)])])
        #expect(try queue(redis) == texts("m6"))
        #expect(try redis.command("GET", "session") == text("2"))
    }

    @Test func `a refusal in the midst leaves a whole number of messages`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        _ = try login(redis, &session)
        _ = submit(1, key: "a", &session)
        _ = try exchange(redis, &session)
        try redis.command("RPUSH", "list", "of another")
        _ = submit(2, key: "a", &session)
        _ = submit(3, &session)
        _ = submit(4, key: "list", &session)
        _ = submit(5, &session)
        let refusal = RedisFailure.notExecuted(
            .server(
                RedisServerError(
                    message: "WRONGTYPE Operation against a key holding the wrong kind of value")))
        #expect(
            try exchange(redis, &session) == [
                .resolve([
                    .failed(4, refusal), .failed(5, refusal), .found(2, "m1"), .applied(3),
                ])
            ])
        #expect(try redis.command("GET", "session") == text("4"))
        submit(6...6, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(6)])])
        #expect(try queue(redis) == texts("m1", "m3", "m6"))
    }

    @Test func `a right that is missing leaves nothing of a batch`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        _ = try login(redis, &session)
        try redis.command(
            "ACL", "SETUSER", "default", "-@all", "+evalsha", "+script", "+get", "+set", "+time",
            "+acl", "+lrange", "resetkeys", "~session", "~k*")
        _ = submit(1, &session)
        _ = submit(2, &session)
        let actions = try exchange(redis, &session)
        guard case .resolve(let resolutions)? = actions.first,
            case .failure(.notExecuted(.server(let error)))? = resolutions.array.first?.result
        else {
            Issue.record("\(actions)")
            return
        }
        #expect(error.kind == .noPermission)
        try redis.command("ACL", "SETUSER", "default", "+@all", "allkeys")
        #expect(try redis.command("GET", "session") == text("1"))
        submit(3...3, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(3)])])
        #expect(try queue(redis) == texts("m3"))
    }

    @Test func `a user without the right to call INFO has a session all the same`() throws {
        let redis = try ScriptedRedis()
        try redis.command("ACL", "SETUSER", "default", "-info")
        var session = session()
        #expect(try login(redis, &session) == [.flush, .ready([], nil)])
        #expect(session.run == "")
        submit(1...1, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(1)])])
    }

    @Test func `numbers beyond what Lua prints are exact`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        let number = (1 << 52) - 10
        try redis.command("SET", "session", "\(number)")
        session.next = number + 1
        _ = try login(redis, &session)
        #expect(session.takeReplacedKey() == nil)
        #expect(try redis.command("GET", "session") == text("\(number + 1)"))
        submit(1...3, &session)
        #expect(
            try exchange(redis, &session)
                == [.resolve([.applied(1), .applied(2), .applied(3)])])
        #expect(try redis.command("GET", "session") == text("\(number + 4)"))
    }

    private static let foreign = [
        "text", "", "nan", "1e300", "-1", "-2", "-5", "007", "0x10", " 5", "4503599627370497",
        "99999999999999999999", "\u{0}",
    ]

    /// Numbers that leave little room, or none, for those that follow: 2^51 and 2^52.
    private static let high = ["2251799813685248", "4503599627370496"]

    @Test(arguments: foreign + high)
    func `a session that holds no number begins anew`(value: String) throws {
        let redis = try ScriptedRedis()
        var session = session()
        try redis.command("SET", "session", value)
        #expect(try login(redis, &session) == [.flush, .ready([], nil)])
        #expect(session.takeReplacedKey() == "session")
        #expect(session.takeReplacedKey() == nil)
        submit(1...2, &session)
        #expect(try exchange(redis, &session) == [.resolve([.applied(1), .applied(2)])])
        #expect(try redis.command("GET", "session") == text("3"))
        #expect(try redis.command("TTL", "session") == .integer(86_400))
    }

    /// Writes foreign content at the key of a session that is in use: nil for a list.
    @Test(arguments: foreign.map { $0 } + [nil])
    func `foreign content that comes later costs a session one login`(value: String?) throws {
        let redis = try ScriptedRedis()
        var session = session()
        _ = try login(redis, &session)
        submit(1...1, &session)
        _ = try exchange(redis, &session)
        if let value {
            try redis.command("SET", "session", value)
        } else {
            try redis.command("DEL", "session")
            try redis.command("RPUSH", "session", "a")
        }
        submit(2...2, &session)
        let actions = try exchange(redis, &session)
        guard case .fail? = actions.last else {
            Issue.record("\(actions)")
            return
        }
        _ = session.lost(.connectionLost, now: start)
        let opening = try login(redis, &session)
        guard case .ready(_, let lost?)? = opening.last else {
            Issue.record("\(opening)")
            return
        }
        #expect(lost.isSameRun && lost.replayed == [])
        #expect(session.takeReplacedKey() == "session")
        submit(3...3, &session)
        #expect(
            try exchange(redis, &session) == [.resolve([.applied(2)]), .resolve([.applied(3)])])
        #expect(try queue(redis) == texts("m1", "m2", "m3"))
    }

    @Test func `a right that is missing for the session fails the login, as before`() throws {
        let redis = try ScriptedRedis()
        var session = session()
        for script in session.call.scripts { try redis.command("SCRIPT", "LOAD", script.source) }
        try redis.command("ACL", "SETUSER", "default", "-get")
        let actions = try login(redis, &session)
        guard case .fail(.server(let error))? = actions.last else {
            Issue.record("\(actions)")
            return
        }
        #expect(error.kind == .noPermission)
    }

    @Test func `foreign content of the refusals makes the session begin anew`() throws {
        let redis = try ScriptedRedis()
        let script = ProducerScripts.openWithRefusals
        func open() throws -> (number: RedisReply, refused: RedisReply) {
            guard
                case .array(let parts) = try redis.command(
                    "EVAL", script.source, "2", "session", "session:refused"), parts.count == 5
            else { throw RedisError.protocolViolation }
            return (parts[0], parts[4])
        }
        try redis.command("SET", "session", "7")
        try redis.command("RPUSH", "session:refused", "3", "5")
        #expect(try open() == (.integer(7), texts("3", "5")))
        try redis.command("RPUSH", "session:refused", "a")
        #expect(try open() == (.integer(-2), .array([])))
        #expect(try redis.command("EXISTS", "session:refused") == .integer(0))
        // Without its refusals the number is not to be believed.
        #expect(try open() == (.integer(-2), .array([])))
        try redis.command("SET", "session", "9")
        try redis.command("SET", "session:refused", "text")
        #expect(try open() == (.integer(-2), .array([])))
        #expect(try redis.command("RPUSH", "session:refused", "10") == .integer(1))
    }
}
