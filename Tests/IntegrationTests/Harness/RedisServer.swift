import ChildProcess
import CoreAPIBase
import CoreAPIRedis
import Foundation
import Logging
import Testing

/// A redis-server of a test's own, on a free port, that can be stopped and started again.
final class RedisServer: @unchecked Sendable {
    let port: UInt16
    private let path: String
    private let arguments: [String]
    private let directory: URL
    private var program: Program?

    /// The servers that tests run: Debian's, one with the features of Redis 7.2, and the oldest.
    enum Kind: CaseIterable { case redis, valkey, oldest }

    /// Runs the body with a server, and ends it.
    static func with(
        _ arguments: [String] = [], kind: Kind = .redis,
        _ body: (RedisServer) async throws -> Void
    ) async throws {
        let server = try RedisServer(arguments, program: path(of: kind))
        try await server.start()
        defer { server.kill() }
        try await body(server)
    }

    private var isRunning: Bool { program?.isRunning ?? false }

    /// Runs the body with a replica of this server that has caught up, and ends it.
    ///
    /// - Parameter kind: of the replica: this server's own.
    func withReplica(
        kind: Kind = .redis, _ body: (RedisServer) async throws -> Void
    ) async throws {
        let arguments = ["--replicaof", "127.0.0.1", "\(port)"]
        try await RedisServer.with(arguments, kind: kind) { replica in
            try await eventually("the replica has caught up") {
                try await replica.texts("INFO", "replication").joined()
                    .contains("master_link_status:up")
            }
            try await body(replica)
        }
    }

    private init(_ arguments: [String], program path: String) throws {
        port = try FreePort.next()
        self.arguments = arguments
        self.path = path
        directory = FileManager.default.temporaryDirectory
            .appending(path: "core-api-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
        try? FileManager.default.removeItem(at: keptState)
    }

    var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts it, on the same port and with the same data as before. Returns once it answers, or
    /// has ended.
    func start() async throws {
        try await eventually("the port is free: the one before has ended") {
            (try? RawClient(port: self.port)) == nil
        }
        program = try Program(
            path,
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", directory.path,
                "--appendonly", "yes", "--save", "",
            ] + arguments)
        try await eventually("redis-server answers") {
            guard isRunning else { throw TooLate(what: program?.output ?? "") }
            // An error is an answer too: some tests ask for a password.
            guard let socket = try? RawClient(port: port, timeoutSeconds: 5),
                (try? socket.send("PING\r\n")) != nil, let answer = try? socket.readSome()
            else { return false }
            return answer.hasPrefix("+PONG") || answer.hasPrefix("-NOAUTH")
        }
    }

    /// Ends it at once, as a crash would.
    func kill() {
        program?.signal(SIGKILL)
        program = nil
    }

    /// Keeps a copy of what it has on its disk.
    func keepState() async throws {
        // While its file is being synced, it may write nothing to it.
        try await eventually("everything is in the file") {
            try await self.texts("INFO", "persistence").joined().contains("aof_buffer_length:0")
        }
        try? FileManager.default.removeItem(at: keptState)
        try FileManager.default.copyItem(at: directory, to: keptState)
    }

    /// Ends it, and starts it with the state that was kept: it has lost what came since.
    func restartFromKeptState() async throws {
        kill()
        try FileManager.default.removeItem(at: directory)
        try FileManager.default.moveItem(at: keptState, to: directory)
        try await start()
    }

    private var keptState: URL { URL(filePath: directory.path + "-kept") }

    /// Lets it hang: connections stay, and nothing is answered.
    func pause() { program?.signal(SIGSTOP) }

    func resume() { program?.signal(SIGCONT) }

    /// The permissions of a user of Redis's access list, by docs/wire-formats.md.
    static let accessRights = [
        (
            "rq-producer",
            [
                "~rq:*", "~core-api:*", "+evalsha", "+script|load", "+info", "+time", "+set",
                "+get", "+del", "+rpush", "+hset", "+sadd",
            ]
        ),
        (
            "stream-producer",
            [
                "~transactions", "~core-api:*", "+evalsha", "+script|load", "+info", "+time",
                "+set", "+get", "+xadd",
            ]
        ),
        (
            "stream-consumer",
            [
                "~transactions", "~transactions:*", "+evalsha", "+script|load", "+time",
                "+xgroup|create", "+xgroup|createconsumer", "+xgroup|delconsumer", "+xreadgroup",
                "+xack", "+xclaim", "+xpending", "+xinfo|groups", "+xinfo|consumers", "+xrange",
                "+xadd", "+xdel", "+xtrim", "+zadd", "+zrem", "+zscore", "+zrangebyscore",
            ]
        ),
        (
            "partitions-producer",
            [
                "~transactions", "~{transactions:*}*", "~core-api:*", "+evalsha", "+script|load",
                "+info", "+time", "+set", "+get", "+xadd", "+exists",
            ]
        ),
        (
            "partitions-consumer",
            [
                "~transactions", "~{transactions:*}*", "~core-api:partitions:*", "+evalsha",
                "+script|load", "+time", "+set", "+get", "+exists", "+xgroup|create",
                "+xgroup|createconsumer", "+xgroup|delconsumer", "+xreadgroup", "+xack", "+xclaim",
                "+xpending", "+xinfo|groups", "+xinfo|consumers", "+xrange", "+xadd", "+xdel",
                "+xtrim", "+zadd", "+zrem", "+zscore", "+zrangebyscore",
            ]
        ),
    ]

    /// The further permissions for the complete `/health`.
    static let healthRights = [
        ["+ping", "+info", "+llen", "+lindex", "+hget", "+scard", "+srandmember"],
        ["+ping", "+info", "+xinfo", "+xpending", "+xrange"],
    ]

    /// The further permissions for statuses: of a stream's producer, of its consumer, of rq's
    /// producer.
    static let statusRights = [
        ["+xinfo|groups", "+xpending", "+xrange"],
        ["~core-api:status:*", "+get", "+set"],
        ["+hmget", "+xlen"],
    ]

    /// The further permissions for a rate limit: of rq's producer, of a stream's.
    static let limitRights = [
        ["+lrange", "+ltrim", "+expire"], ["+lrange", "+rpush", "+ltrim", "+expire"],
    ]

    /// The further permissions of Redis's user with sentinels, and those of the sentinels' user.
    static let sentinelRights = (
        redis: ["+role", "+wait"],
        sentinel: [
            "&+switch-master", "+ping", "+subscribe", "+sentinel|get-master-addr-by-name",
            "+sentinel|sentinels",
        ]
    )

    /// The reply to a command.
    func command(_ words: String..., url: String? = nil) async throws -> RedisReply {
        try await command(words, url: url)
    }

    func command(_ words: [String], url: String? = nil) async throws -> RedisReply {
        let connection = try await RedisConnection(
            opening: RedisURL(url ?? self.url), logger: Logger(label: "test")
        )
        defer { connection.close() }
        var command = RedisCommand()
        command.add(words)
        return try await connection.execute(command)
    }

    /// A reply that is made of texts, as texts.
    func texts(_ words: String...) async throws -> [String] {
        RedisServer.flatten(try await command(words))
    }

    static func flatten(_ reply: RedisReply) -> [String] {
        switch reply {
        case .bulk(let bytes), .status(let bytes): [String(decoding: bytes, as: UTF8.self)]
        case .integer(let value): ["\(value)"]
        case .array(let elements): elements.flatMap(flatten)
        case .null, .error: []
        }
    }

    /// Those that are not Debian's come with Python packages, in folders of Python's version.
    private static func path(of kind: Kind) throws -> String {
        let (environment, program) =
            switch kind {
            case .redis: ("", "redis-server")
            case .valkey: ("valkey", "valkey-server")
            case .oldest: ("redis-6.2", "redis-server")
            }
        guard kind != .redis else { return program }
        let folder = Program.root.appending(path: ".run/\(environment)/lib")
        let files = FileManager.default.enumerator(atPath: folder.path)
        let server = files?.first { ($0 as? String)?.hasSuffix("/\(program)") == true }
        let name = try #require(server as? String, "`make test` makes .run/\(environment)")
        return folder.appending(path: name).path
    }
}
