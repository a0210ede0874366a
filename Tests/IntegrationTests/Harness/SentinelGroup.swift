import ChildProcess
import CoreAPIRedis
import Foundation
import Testing

/// A master, two replicas, and three sentinels that watch them.
final class SentinelGroup: Sendable {
    /// The settings of a group.
    struct Options {
        /// Of each redis-server.
        var redis: [String] = []
        var kind = RedisServer.Kind.redis
        /// Of each sentinel, as lines of its file.
        var sentinel: [String] = []
        /// `:password@` of the servers, and of the sentinels.
        var redisLogin = ""
        var sentinelLogin = ""
        /// Whether the sentinels run from the beginning.
        var startsSentinels = true
        /// With it, servers and sentinels speak TLS to each other and to callers.
        var certificates: TestCertificates?
    }

    /// The name by which the sentinels know the master.
    static let name = "my-master"

    /// The first is the master at the beginning.
    let servers: [RedisServer]
    let sentinels: [SentinelServer]
    private let options: Options

    /// Runs the body with a group in which every sentinel knows all others, and ends it.
    static func with(
        _ options: Options = Options(), _ body: (SentinelGroup) async throws -> Void
    ) async throws {
        let tlsPorts = try (0..<3).map { _ in try FreePort.next() }
        let arguments = tlsPorts.map { tlsPort in
            ["--repl-diskless-sync-delay", "0"] + options.redis
                + (options.certificates?.serverArguments(port: tlsPort) ?? [])
                + (options.certificates == nil ? [] : ["--tls-replication", "yes"])
        }
        try await RedisServer.with(arguments[0], kind: options.kind) { master in
            let port = options.certificates == nil ? master.port : tlsPorts[0]
            let replica = ["--replicaof", "127.0.0.1", "\(port)"]
            try await RedisServer.with(arguments[1] + replica, kind: options.kind) { first in
                try await RedisServer.with(arguments[2] + replica, kind: options.kind) { second in
                    let group = try SentinelGroup(
                        [master, first, second], masterPort: port, options)
                    defer { for sentinel in group.sentinels { sentinel.kill() } }
                    try await group.replicasFollow()
                    if options.startsSentinels { try await group.startSentinels() }
                    try await body(group)
                }
            }
        }
    }

    private init(
        _ servers: [RedisServer], masterPort: UInt16, _ options: Options
    ) throws {
        self.servers = servers
        self.options = options
        let name = SentinelGroup.name
        sentinels = try (0..<3).map { _ in
            try SentinelServer(
                { port in
                    (options.certificates?.sentinelConfiguration(port: port) ?? ["port \(port)"])
                        + [
                            "sentinel monitor \(name) 127.0.0.1 \(masterPort) 2",
                            "sentinel down-after-milliseconds \(name) 1000",
                            "sentinel failover-timeout \(name) 10000",
                        ] + options.sentinel
                }, login: options.sentinelLogin, tls: options.certificates?.options())
        }
    }

    func startSentinels() async throws {
        for sentinel in sentinels {
            try await sentinel.start()
            // With the default of a second, a sentinel may take a server that has just been
            // promoted for dead.
            _ = try await sentinel.command("SENTINEL", "DEBUG", "PING-PERIOD", "300")
        }
        try await eventually("each sentinel knows the others and the replicas") {
            for sentinel in self.sentinels {
                for (kind, count) in [("SENTINELS", 2), ("REPLICAS", 2)] {
                    let reply = try await sentinel.command("SENTINEL", kind, SentinelGroup.name)
                    guard case .array(let found) = reply, found.count == count else { return false }
                }
            }
            return true
        }
    }

    private func replicasFollow() async throws {
        try await eventually("the replicas have caught up") {
            for replica in self.servers.dropFirst() {
                let reply = try await self.command("INFO", "replication", at: replica)
                guard case .bulk(let text) = reply,
                    String(decoding: text, as: UTF8.self).contains("master_link_status:up")
                else { return false }
            }
            return true
        }
    }

    /// A command to one of the servers.
    func command(_ words: String..., at server: RedisServer) async throws -> RedisReply {
        try await server.command(
            words, url: "redis://\(options.redisLogin)127.0.0.1:\(server.port)")
    }

    /// Gives each server a user of its access list.
    func setUser(_ words: [String]) async throws {
        for server in servers { _ = try await server.command(["ACL", "SETUSER"] + words) }
    }

    // MARK: - URLs

    /// The URL that names all sentinels.
    var url: String { url(of: sentinels) }

    func url(of sentinels: [SentinelServer], _ parameters: String = "") -> String {
        let hosts = sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let scheme = options.certificates == nil ? "redis-sentinel" : "rediss-sentinel"
        return "\(scheme)://\(options.redisLogin)\(hosts)?master=\(SentinelGroup.name)"
            + parameters
    }

    // MARK: - Failovers

    /// The master that the sentinels that run agree about.
    func master(_ running: [SentinelServer]? = nil) async throws -> RedisServer {
        var port: UInt16?
        try await eventually("the sentinels agree") {
            var ports: Set<UInt16?> = []
            for sentinel in running ?? self.sentinels {
                ports.insert(try await sentinel.masterPort(SentinelGroup.name))
            }
            port = ports.first ?? nil
            return ports.count == 1 && port != nil
        }
        return try #require(servers.first { $0.port == port })
    }

    /// A planned failover. Returns the new master once all sentinels name it.
    func failOver() async throws -> RedisServer {
        let old = try await master()
        try await eventually("a sentinel takes the order") {
            // It refuses while another failover has just ended.
            (try? await self.sentinels[1].command("SENTINEL", "FAILOVER", SentinelGroup.name))
                != nil
        }
        return try await master(after: old)
    }

    /// The master that takes over from the old one.
    func master(
        after old: RedisServer, _ running: [SentinelServer]? = nil
    ) async throws -> RedisServer {
        var new = old
        try await eventually("another master takes over") {
            new = try await self.master(running)
            return new !== old
        }
        return new
    }

    /// The ids of the transactions that a server has of a queue.
    func ids(_ queue: String, at server: RedisServer) async throws -> Set<String> {
        var ids: Set<String> = []
        // In parts, since the connection takes no reply of more than a megabyte.
        var (start, index) = ("-", 0)
        while true {
            let reply =
                queue.hasPrefix("stream:")
                ? try await command(
                    "XRANGE", String(queue.dropFirst(7)), start, "+", "COUNT", "1000", at: server)
                : try await command(
                    "LRANGE", "rq:queue:\(queue.dropFirst(3))", "\(index)", "\(index + 999)",
                    at: server)
            guard case .array(let elements) = reply, let last = elements.last else { return ids }
            ids.formUnion(elements.compactMap(SentinelGroup.id))
            index += 1_000
            if case .array(let entry) = last, case .bulk(let name)? = entry.first {
                start = "(" + String(decoding: name, as: UTF8.self)
            }
        }
    }

    private static func id(_ element: RedisReply) -> String? {
        switch element {
        case .bulk(let id): return String(decoding: id, as: UTF8.self)
        case .array(let entry):
            guard entry.count == 2, case .array(let fields) = entry[1],
                let index = fields.firstIndex(of: .bulk(Array("id".utf8))),
                case .bulk(let id) = fields[index + 1]
            else { return nil }
            return String(decoding: id, as: UTF8.self)
        default: return nil
        }
    }
}
