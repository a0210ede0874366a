import CoreAPIKit
import Foundation
import Testing

/// What `core-api status`, `transaction` and `dead` need at Redis: exactly the rights that
/// docs/operations.md adds to those that docs/wire-formats.md has for the server.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OperatorRightsTests {
    /// The words of a line `redis-cli ACL SETUSER USER …` of a document.
    ///
    /// - Parameter word: the line's first word after the user.
    private func rights(
        _ document: String, _ user: String, from word: String
    ) throws -> [String] {
        let file = Program.root.appending(path: "docs/\(document)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = "redis-cli ACL SETUSER \(user) "
        let line = try #require(
            text.split(separator: "\n").first { $0.hasPrefix(start + word) },
            "\(document) has no line \(start)\(word)")
        return line.dropFirst(start.count).split(separator: " ").map {
            String($0.filter { $0 != "'" })
        }
    }

    private func serverRights(_ user: String) throws -> [String] {
        try rights("wire-formats.md", user, from: "on ")
            + rights("wire-formats.md", user, from: "+ping")
    }

    private func command(
        _ words: [String], _ queue: String, _ redis: RedisServer
    ) async throws -> String {
        let url = "redis://operator:pw@127.0.0.1:\(redis.port)"
        let result = try await Program.run(
            Program.built("core-api"), words, environment: ["REDIS_URL": url, "QUEUE": queue])
        // Times and durations differ between two calls.
        let kept = result.output.split(separator: "\n").filter { line in
            !line.hasPrefix("last change") && !line.hasPrefix("redis  ")
        }
        return "\(words.prefix(2)): \(result.status)\n\(kept.joined(separator: "\n"))"
            + result.errors
    }

    private func give(
        _ rights: [String], without missing: String? = nil, _ redis: RedisServer
    ) async throws {
        _ = try await redis.command(
            ["ACL", "SETUSER", "operator", "reset", "on", ">pw"]
                + rights.filter { $0 != missing && !$0.hasPrefix(">") && $0 != "on" })
    }

    /// Runs each command, on three letters.
    private func all(
        _ queue: String, _ redis: RedisServer, _ prepare: () async throws -> (ids: [String], String)
    ) async throws -> [String] {
        let (ids, transaction) = try await prepare()
        var seen: [String] = []
        for words in [
            ["status"], ["transaction", transaction], ["dead", "list"], ["dead", "list", "--all"],
            ["dead", "show", ids[0]], ["dead", "requeue", ids[0]], ["dead", "remove", ids[1]],
            ["dead", "requeue", "--all"],
        ] {
            seen.append(try await command(words, queue, redis))
        }
        let left = try await redis.texts("KEYS", "*").sorted()
        return seen + left
    }

    private func check(
        _ redis: RedisServer, _ queue: String, server: [String], operators: [String],
        _ prepare: () async throws -> (ids: [String], String)
    ) async throws {
        try await give(server + operators, redis)
        let whole = try await all(queue, redis, prepare)
        for (index, word) in [(0, "status"), (1, "transaction"), (2, "dead"), (7, "dead")] {
            #expect(whole[index].hasPrefix("[\"\(word)\""))
            #expect(whole[index].contains("]: 0\n"), "\(whole[index])")
        }
        #expect(!whole[0].contains("access list"), "\(whole[0])")
        #expect(whole[7].contains("requeued: 1"), "\(whole[7])")
        for right in operators where !server.contains(right) {
            try await give(server + operators, without: right, redis)
            let seen = try await all(queue, redis, prepare)
            #expect(seen != whole, "\(right) is documented, and nothing needs it")
        }
    }

    @Test func `the documented rights suffice for the failed jobs of rq, and none is in vain`()
        async throws
    {
        try await RedisServer.with { redis in
            let user = "rq-producer"
            let server = try serverRights(user)
            let operators = try rights("operations.md", user, from: "+")
            let transaction = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
            try await check(redis, "rq:default", server: server, operators: operators) {
                _ = try await redis.command("FLUSHALL")
                let queue = try await RQTransactionQueue(url: redis.url)
                defer { queue.close() }
                try await queue.enqueue(
                    try Transaction(
                        id: try #require(TransactionID(transaction)),
                        amount: try #require(Amount(1)),
                        currency: try #require(CurrencyCode("EUR")),
                        userID: 1, createdAt: UnixTime(seconds: 1_636_027_031)))
                for (number, id) in ["a", "b", "c"].enumerated() {
                    _ = try await redis.command(
                        "HSET", "rq:job:\(id)", "data", "x", "status", "failed", "origin", "default"
                    )
                    _ = try await redis.command(
                        "XADD", "rq:results:\(id)", "1-1", "exc_string",
                        "eJwLS8wpTXUtKsovslLIywcAKDoFPw==")
                    _ = try await redis.command("EXPIRE", "rq:job:\(id)", "5000")
                    _ = try await redis.command(
                        "ZADD", "rq:failed:default", "\(9_999_999_990 + number)", id)
                }
                return (["a", "b"], transaction)
            }
        }
    }

    @Test func `the documented rights suffice for a stream, and none is in vain`() async throws {
        try await RedisServer.with { redis in
            let user = "stream-producer"
            let server = try serverRights(user)
            let operators = try rights("operations.md", user, from: "'~")
            let transaction = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
            try await check(
                redis, "stream:transactions", server: server, operators: operators
            ) {
                _ = try await redis.command("FLUSHALL")
                for (number, id) in ["1-1", "2-2", "3-3"].enumerated() {
                    _ = try await redis.command(
                        "XADD", "transactions:dead", id, "id", "\(number)", "amount", "1",
                        "dead_reason", "no")
                }
                _ = try await redis.command(
                    "SET", "core-api:status:{transactions}:\(transaction)",
                    "failed 1636027032250 1 1-1 1 1 EUR 2021-11-04T11:57:11.123456Z")
                return (["1-1", "2-2"], transaction)
            }
        }
    }
}
