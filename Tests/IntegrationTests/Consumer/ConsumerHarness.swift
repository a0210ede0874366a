import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The common parts of the consumers' tests: a stream `s`, and groups.
enum ConsumerHarness {
    /// The options of a Redis that keeps its confirmed writes when it is killed.
    static let keepsEverything = ["--appendfsync", "always"]

    static func transaction(_ amount: Int = 1, userID: Int = 1) throws -> Transaction {
        try Transaction(
            id: .random(), amount: try #require(Amount(amount)),
            currency: try #require(CurrencyCode("EUR")), userID: userID,
            // As the timestamp has it.
            createdAt: UnixTime(seconds: UnixTime.now().wholeSeconds))
    }

    /// Enqueues transactions whose amounts count from 1.
    @discardableResult
    static func enqueue(
        _ count: Int, to redis: RedisServer, key: String = "s"
    ) async throws -> [Transaction] {
        let queue = try await StreamTransactionQueue(url: redis.url, key: key)
        defer { queue.close() }
        var transactions: [Transaction] = []
        for number in 1...count {
            let transaction = try transaction(number)
            try await queue.enqueue(transaction)
            transactions.append(transaction)
        }
        return transactions
    }

    /// Options by which a test need not wait long.
    ///
    /// - Parameter visibilitySeconds: 1 where something is to be taken for dead; then a slow
    ///   machine may take something from a consumer that lives, too.
    static func options(
        attemptsMax: Int = 100, prefetch: Int = 16, visibilitySeconds: Int = 15
    ) -> ConsumerOptions {
        var options = ConsumerOptions()
        options.attemptsMax = attemptsMax
        options.prefetch = prefetch
        options.visibilityTimeout = .seconds(visibilitySeconds)
        options.retryPauseMin = .milliseconds(10)
        options.retryPauseMax = .milliseconds(50)
        return options
    }

    /// Takes others for dead after a second.
    static let hasty = options(visibilitySeconds: 1)

    static func consumer(
        _ redis: RedisServer, group: String = "psp",
        _ options: ConsumerOptions = ConsumerHarness.options()
    ) async throws -> TransactionConsumer {
        try await TransactionConsumer(
            url: redis.url, key: "s", group: group, options: options)
    }

    /// How many entries the group has been given and not acknowledged.
    static func pending(_ redis: RedisServer, group: String = "psp") async throws -> Int {
        guard case .array(let summary) = try await redis.command("XPENDING", "s", group),
            case .integer(let count)? = summary.first
        else { return -1 }
        return Int(count)
    }

    static func length(_ redis: RedisServer, _ key: String = "s") async throws -> Int {
        guard case .integer(let count) = try await redis.command("XLEN", key) else { return -1 }
        return Int(count)
    }

    /// Waits until everything is removed from the stream: the last entries that were given go when
    /// a consumer tidies up, if they were not acknowledged in order.
    static func isEmptied(_ redis: RedisServer) async throws {
        try await eventually("the stream is emptied") { try await length(redis) == 0 }
    }

    /// The ids of a stream's entries.
    static func ids(_ redis: RedisServer, _ key: String = "s") async throws -> [String] {
        guard case .array(let entries) = try await redis.command("XRANGE", key, "-", "+") else {
            return []
        }
        return entries.compactMap { entry in
            guard case .array(let parts) = entry, case .bulk(let id)? = parts.first else {
                return nil
            }
            return String(decoding: id, as: UTF8.self)
        }
    }

    /// The names that the group has, with how much of each is pending.
    static func consumers(
        _ redis: RedisServer, group: String = "psp"
    ) async throws -> [String: String] {
        let texts = try await redis.texts("XINFO", "CONSUMERS", "s", group)
        var consumers: [String: String] = [:]
        for (index, text) in texts.enumerated() where text == "name" {
            consumers[texts[index + 1]] = texts[index + 3]
        }
        return consumers
    }

    /// The fields of dead letters by their names, oldest first.
    static func deadLetters(_ redis: RedisServer) async throws -> [[String: String]] {
        guard case .array(let entries) = try await redis.command("XRANGE", "s:dead", "-", "+")
        else { return [] }
        return entries.map { entry in
            guard case .array(let parts) = entry, case .array(let words)? = parts.last else {
                return [:]
            }
            let texts = words.map { word in
                if case .bulk(let bytes) = word {
                    String(decoding: bytes, as: UTF8.self)
                } else {
                    ""
                }
            }
            var fields: [String: String] = [:]
            for index in stride(from: 0, to: texts.count, by: 2) {
                fields[texts[index]] = texts[index + 1]
            }
            return fields
        }
    }
}

extension TransactionConsumer {
    /// The next delivery; fails the test at the end of the sequence.
    func take(sourceLocation: SourceLocation = #_sourceLocation) async throws -> Delivery {
        var iterator = makeAsyncIterator()
        return try #require(await iterator.next(), sourceLocation: sourceLocation)
    }

    /// Acknowledges deliveries until all of these transactions have been delivered.
    func process(_ transactions: [Transaction]) async throws {
        var missing = Set(transactions)
        for try await delivery in self {
            try await delivery.ack()
            missing.remove(delivery.transaction)
            if missing.isEmpty { return }
        }
        Issue.record("the sequence ends with \(missing.count) transactions missing")
    }
}

/// The body is refused by Redis with an error of this kind.
func expectRefusal(
    _ kind: RedisServerError.Kind, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws {
    do {
        try await body()
        Issue.record(comment ?? "not refused", sourceLocation: sourceLocation)
    } catch let error as ConsumerError {
        switch error {
        case .refused(.server(let reply)), .refused(.refused(let reply)):
            #expect(reply.kind == kind, comment, sourceLocation: sourceLocation)
        default: Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }
}
