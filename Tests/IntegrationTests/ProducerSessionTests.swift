import CoreAPIBase
import CoreAPIRedis
import Foundation
import Logging
import MetricsTestKit
import Testing

@testable import CoreAPIKit

/// Producer sessions over the queues: what Redis loses, and copies of batches that come late.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ProducerSessionTests {
    private typealias Kind = QueueContractTests.Kind

    private typealias Setting = QueueContractTests.Setting

    private func transaction(_ amount: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(amount)),
            currency: try #require(CurrencyCode("EUR")), userID: 1, createdAt: .now())
    }

    /// The queue, with a deadline that the slowest machine keeps.
    private func queue(
        _ kind: QueueContractTests.Kind, _ url: String, replayBytesMax: Int = 1 << 24,
        metrics: TestMetrics = TestMetrics(), log: LogLines = LogLines()
    ) async throws -> any TransactionQueue {
        var logger = Logger(label: "test") { _ in log }
        logger.logLevel = .info
        var settings = RedisQueue.Settings(url: try RedisURL(url), logger: logger)
        settings.producer.limits.messageTimeoutMilliseconds = 120_000
        settings.producer.limits.historyMilliseconds = 300_000
        settings.producer.limits.historyBytesMax = replayBytesMax
        settings.producer.metrics = metrics
        return try await kind.queue(settings)
    }

    /// Enqueues as many transactions, in order; every second one has an idempotency key.
    private func enqueue(
        _ count: Int, _ queue: any TransactionQueue
    ) async throws -> [TransactionID] {
        var ids: [TransactionID] = []
        for number in 0..<count {
            let transaction = try transaction()
            let key = number.isMultiple(of: 2) ? nil : IdempotencyKey("\(transaction.id)")
            #expect(try await queue.enqueue(transaction, idempotencyKey: key) == .enqueued)
            ids.append(transaction.id)
        }
        return ids
    }

    /// The ids of the queue's transactions, in its order.
    private func queued(
        _ kind: QueueContractTests.Kind, _ redis: RedisServer
    ) async throws -> [String] {
        try await kind.ids(kind == .rq ? "default" : "s", redis)
    }

    // MARK: - Late copies

    @Test(arguments: Setting.inRedis)
    func `a copy of all that a producer has sent has no effect, however late it comes`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                try proxy.startCopying()
                let queue = try await queue(setting.kind, proxy.url)
                let ids = try await enqueue(20, queue).map(\.description)
                #expect(try await queued(setting.kind, redis) == ids)
                let sessions = try await redis.texts("KEYS", "core-api:session:*")
                let session = try #require(sessions.first)
                let copy = try proxy.copy()
                let late = try RawClient(port: redis.port)
                try late.send(copy)
                try late.send("*1\r\n$4\r\nQUIT\r\n")
                _ = try late.readToEnd()
                #expect(try await queued(setting.kind, redis) == ids)
                // Nor has a batch when the session is no longer there.
                _ = try await redis.command("DEL", session)
                for batch in try batches(copy) {
                    #expect(try reply(batch, redis) == "-SESSION missing")
                }
                #expect(try await queued(setting.kind, redis) == ids)
            }
        }
    }

    @Test func `a batch that comes after its deadline by Redis's clock is not applied`()
        async throws
    {
        try await RedisServer.with { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                try proxy.startCopying()
                let queue = try await queue(.stream, proxy.url)
                _ = try await enqueue(1, queue)
                // Without its session's number the copy is the next batch, but for its time.
                let sessions = try await redis.texts("KEYS", "core-api:session:*")
                let session = try #require(sessions.first)
                _ = try await redis.command("DEL", "s")
                _ = try await redis.command("SET", session, "1")
                let call = try #require(batches(try proxy.copy()).last)
                let deadline = try #require(Int64(String(decoding: call[7], as: UTF8.self)))
                let now = UnixTime.now().wholeSeconds * 1_000
                #expect((now...(now + 121_000)).contains(deadline))
                var words = call
                words[7] = Array("\(now - 125_000)".utf8)
                #expect(try reply(words, redis) == "-SESSION late")
                #expect(try await redis.command("XLEN", "s") == .integer(0))
                #expect(try reply(call, redis) == ":2")
                #expect(try await redis.command("XLEN", "s") == .integer(1))
            }
        }
    }

    @Test(arguments: Setting.inRedis)
    func `a batch that its copy has overtaken finds the record that the copy has found`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { redis in
            try await ReplyLosingProxy.with(redis) { proxy in
                try proxy.startCopying()
                let queue = try await queue(setting.kind, proxy.url)
                let key = IdempotencyKey("k")
                #expect(try await queue.enqueue(transaction(), idempotencyKey: key) == .enqueued)
                let call = try #require(batches(try proxy.copy()).last)
                #expect(try reply(call, redis).hasPrefix(":"))
                let tag = setting.kind.tag(setting.kind == .rq ? "default" : "s")
                _ = try await redis.command("SET", "core-api:idempotency:{\(tag)}:1:k", "another")
                #expect(try reply(call, redis) == "*4")
            }
        }
    }

    /// The first line of Redis's reply.
    private func reply(_ words: [[UInt8]], _ redis: RedisServer) throws -> String {
        var command = RedisCommand()
        command.begin(wordCount: words.count)
        for word in words { command.word(word) }
        let client = try RawClient(port: redis.port)
        try client.send(command.bytes)
        var line = ""
        while !line.contains("\r\n") {
            let more = try client.readSome()
            try #require(!more.isEmpty)
            line += more
        }
        return String(line.prefix { $0 != "\r\n" })
    }

    /// The words of each call of a batch that was sent.
    private func batches(_ sent: [UInt8]) throws -> [[[UInt8]]] {
        let reader = RedisReplyReader()
        reader.feed(sent.span)
        var calls: [[[UInt8]]] = []
        while case .array(let replies)? = try reader.next() {
            let words: [[UInt8]] = replies.map { reply in
                if case .bulk(let bytes) = reply { bytes } else { [] }
            }
            if words[0] == Array("EVALSHA".utf8), words.count > 10 { calls.append(words) }
        }
        return calls
    }

    // MARK: - Lost confirmations

    @Test(arguments: Setting.inRedis)
    func `a Redis that comes back without its last second has every confirmed transaction again`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(["--appendfsync", "everysec"], kind: setting.server) { redis in
            let (metrics, log) = (TestMetrics(), LogLines())
            let queue = try await queue(setting.kind, redis.url, metrics: metrics, log: log)
            let kept = try await enqueue(10, queue)
            try await redis.keepState()
            let lost = try await enqueue(25, queue)
            try await redis.restartFromKeptState()
            let next = try await enqueue(3, queue)
            #expect(
                try await queued(setting.kind, redis) == (kept + lost + next).map(\.description))
            #expect(metrics.counterTotal(label: QueueMetrics.confirmationsLostLabel) == 25)
            #expect(metrics.counterTotal(label: QueueMetrics.confirmationsReplayedLabel) == 25)
            let text = log.text
            #expect(text.contains("Redis has lost confirmed transactions"))
            #expect(text.contains("count=25"))
            #expect(lost.allSatisfy { text.contains($0.description) })
            #expect(kept.allSatisfy { !text.contains($0.description) })
            // The keys of what was sent again are there again.
            let key = IdempotencyKey("\(lost[1])")
            #expect(
                try await queue.enqueue(try transaction(), idempotencyKey: key)
                    == .replayed(lost[1]))
        }
    }

    @Test(arguments: Setting.inRedis)
    func `a Redis that comes back empty has again what is kept, in order, and no more`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(["--appendonly", "no"], kind: setting.server) { redis in
            let log = LogLines()
            // Some twenty transactions.
            let bytes =
                (setting.kind == .rq ? 12_000 : 6_000)
                * (setting.kind == .rq ? 1 : setting.kind.partitions("s").count)
            let queue = try await queue(setting.kind, redis.url, replayBytesMax: bytes, log: log)
            let ids = try await enqueue(100, queue).map(\.description)
            redis.kill()
            try await redis.start()
            let next = try await enqueue(1, queue).map(\.description)
            let found = try await queued(setting.kind, redis)
            #expect((5..<100).contains(found.count))
            #expect(found == ids.suffix(found.count - 1) + next)
            #expect(log.text.contains("count=100"))
            #expect(log.text.contains("sent_again=\(found.count - 1)"))
            #expect(log.text.contains("not_kept=\(101 - found.count)"))
        }
    }

    @Test(arguments: Setting.inRedis)
    func `after a failover to a replica that lags, what it lacks is sent again`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { master in
            try await master.withReplica(kind: setting.server) { replica in
                try await ReplyLosingProxy.with(master) { proxy in
                    let queue = try await queue(setting.kind, proxy.url)
                    let kept = try await enqueue(5, queue)
                    try await eventually("the replica has them") {
                        try await queued(setting.kind, replica).count == 5
                    }
                    replica.pause()
                    let lost = try await enqueue(30, queue)
                    try proxy.lead(to: replica)
                    master.kill()
                    replica.resume()
                    _ = try await replica.command("REPLICAOF", "NO", "ONE")
                    let next = try await enqueue(2, queue)
                    #expect(
                        try await queued(setting.kind, replica)
                            == (kept + lost + next).map(\.description))
                }
            }
        }
    }

    @Test(arguments: Setting.inRedis)
    func `what is flushed on purpose is not sent again, and the log says so`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { redis in
            let log = LogLines()
            let queue = try await queue(setting.kind, redis.url, log: log)
            _ = try await enqueue(10, queue)
            _ = try await redis.command("FLUSHALL")
            let next = try await enqueue(3, queue).map(\.description)
            #expect(try await queued(setting.kind, redis) == next)
            #expect(log.text.contains("the producer session was removed from Redis"))
        }
    }

    @Test(arguments: Setting.inRedis)
    func `a session that is evicted alone doubles nothing`(setting: QueueContractTests.Setting)
        async throws
    {
        try await RedisServer.with(kind: setting.server) { redis in
            let queue = try await queue(setting.kind, redis.url)
            let ids = try await enqueue(10, queue)
            let sessions = try await redis.texts("KEYS", "core-api:session:*")
            _ = try await redis.command("DEL", try #require(sessions.first))
            let next = try await enqueue(3, queue)
            #expect(try await queued(setting.kind, redis) == (ids + next).map(\.description))
        }
    }

    @Test(arguments: Setting.inRedis)
    func `foreign content of a session's key is replaced, and the log names the key`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { redis in
            let log = LogLines()
            let queue = try await queue(setting.kind, redis.url, log: log)
            var ids = try await enqueue(10, queue)
            let session = try #require(
                try await redis.texts("KEYS", "core-api:session:*").first)
            for value in ["abc", "-5", "99999999999999999999", nil] {
                if let value {
                    _ = try await redis.command("SET", session, value)
                } else {
                    _ = try await redis.command("DEL", session)
                    _ = try await redis.command("RPUSH", session, "a")
                }
                ids += try await enqueue(3, queue)
            }
            #expect(try await queued(setting.kind, redis) == ids.map(\.description))
            #expect(log.text.ranges(of: "the producer session's key had foreign").count == 4)
            #expect(log.text.contains("key=\(session)"))
        }
    }

    // MARK: - A batch

    @Test(arguments: Setting.inRedis)
    func `what Redis refuses in the midst of a batch is refused alone`(
        setting: QueueContractTests.Setting
    ) async throws {
        try await RedisServer.with(kind: setting.server) { redis in
            let queue = try await queue(setting.kind, redis.url)
            let refused = try transaction()
            let key = try #require(IdempotencyKey("k"))
            let obstacle =
                setting.kind == .rq
                ? "rq:job:\(refused.id)" : "core-api:idempotency:{\(setting.kind.tag("s"))}:1:k"
            _ = try await redis.command("SADD", obstacle, "another's")
            let ids = try await withThrowingTaskGroup(of: TransactionID?.self) { group in
                for number in 0..<50 {
                    let transaction = number == 25 ? refused : try transaction()
                    group.addTask {
                        do throws(QueueError) {
                            _ = try await queue.enqueue(
                                transaction, idempotencyKey: number == 25 ? key : nil)
                            return transaction.id
                        } catch {
                            guard case .unavailable(.server(let reply)) = error,
                                reply.kind == .wrongType
                            else { throw error }
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += [$1].compactMap { $0 } }
            }
            #expect(ids.count == 49 && !ids.contains(refused.id))
            #expect(
                Set(try await queued(setting.kind, redis)) == Set(ids.map(\.description)))
            _ = try await redis.command("DEL", obstacle)
            #expect(try await queue.enqueue(refused, idempotencyKey: key) == .enqueued)
        }
    }
}

/// Keeps what is logged.
private final class LogLines: LogHandler, @unchecked Sendable {
    private let lines = Lines()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    private final class Lines: @unchecked Sendable {
        let lock = NSLock()
        var text = ""
    }

    /// All lines, with their metadata as `key=value`.
    var text: String { lines.lock.withLock { lines.text } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let words = (event.metadata ?? [:]).map { "\($0)=\($1)" }.joined(separator: " ")
        lines.lock.withLock { lines.text += "\(event.message) \(words)\n" }
    }
}
