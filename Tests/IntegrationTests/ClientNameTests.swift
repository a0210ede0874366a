import CoreAPIRedis
import Foundation
import Testing

/// `CLIENT LIST` of Redis tells which connection is whose.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClientNameTests {
    /// The names of the connections to a server, but for those without one.
    private func names(_ redis: RedisServer) async throws -> [String] {
        try await redis.texts("CLIENT", "LIST").joined().split(separator: "\n").compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("name=") }
                .map { String($0.dropFirst("name=".count)) }
        }.filter { !$0.isEmpty }.sorted()
    }

    /// `core-api:HOST:PID:` of a server.
    private func start(_ server: APIServer) -> String {
        let host = ProcessInfo.processInfo.hostName.utf8.map { byte in
            byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
                || Character(UnicodeScalar(byte)).isLetter
                || Character(UnicodeScalar(byte)).isNumber
                ? Character(UnicodeScalar(byte)) : "-"
        }
        return "core-api:\(String(host)):\(server.program.identifier):"
    }

    @Test(arguments: ["rq:default", "stream:s"])
    func `the connection of each loop and of its probes has a name, after a reconnect too`(
        queue: String
    ) async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "QUEUE": queue, "THREADS": "2"]
            try await APIServer.with(environment) { server in
                let start = start(server)
                for _ in 0..<2 {
                    try await eventually("both loops are there") {
                        let found = try await names(redis)
                        return found.contains(start + "0") && found.contains(start + "1")
                    }
                    try await eventually("a probe is there") {
                        _ = try server.get("/health")
                        return try await names(redis).contains { $0.hasSuffix("-probe") }
                    }
                    let found = try await names(redis)
                    #expect(found.allSatisfy { $0.hasPrefix(start) }, "\(found)")
                    _ = try await redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                }
            }
        }
    }

    @Test func `a user without the right to set a name is served`() async throws {
        try await RedisServer.with { redis in
            _ = try await redis.command(
                [
                    "ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-client",
                ])
            let environment = [
                "REDIS_URL": "redis://u:pw@127.0.0.1:\(redis.port)", "THREADS": "1",
            ]
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                #expect(try server.get("/health/ready").status == 200)
                let found = try await names(redis)
                #expect(found == [])
                #expect(!server.program.errors.contains("NOPERM"))
            }
        }
    }

    private func words(_ reply: RedisReply) -> String {
        if case .bulk(let text) = reply { String(decoding: text, as: UTF8.self) } else { "" }
    }

    @Test func `connections to sentinels have a name`() async throws {
        try await SentinelGroup.with { group in
            let environment = ["REDIS_URL": group.url, "QUEUE": "stream:s", "THREADS": "1"]
            try await APIServer.with(environment) { server in
                #expect(try server.post(APIServer.body()).status == 200)
                try await eventually("a sentinel knows its name") {
                    for sentinel in group.sentinels {
                        let reply = try await sentinel.command("CLIENT", "LIST")
                        if "\(words(reply))".contains("name=\(start(server))sentinel") {
                            return true
                        }
                    }
                    return false
                }
            }
        }
    }
}
