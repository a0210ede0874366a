import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// The dead letters of a stream, made by consumers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StreamDeadLetterTests {
    private typealias Harness = ConsumerHarness

    @Test(arguments: RedisServer.Kind.allCases)
    func `dead letters are listed, put back and processed`(kind: RedisServer.Kind) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let transactions = try await Harness.enqueue(3, to: redis)
            let consumer = try await Harness.consumer(redis)
            for index in transactions.indices {
                await (try await consumer.take()).reject(because: index == 1 ? "closed" : "no")
            }
            let store = try RedisDeadLetterStore(url: redis.url, stream: "s")
            defer { store.close() }
            #expect(try await store.count() == 3)
            let page = try await store.page(after: nil, reason: nil, limit: 2)
            #expect(page.letters.map(\.transactionID) == [2, 1].map { "\(transactions[$0].id)" })
            let rest = try await store.page(after: page.next, reason: nil, limit: 2)
            #expect(rest.letters.map(\.transactionID) == ["\(transactions[0].id)"])
            let letter = try #require(rest.letters.first)
            #expect(letter.reason == "no" && letter.attempts == 1 && letter.diedAt != nil)
            #expect(letter.value("amount") == "1" && letter.value("dead_group") == "psp")
            #expect(try await store.letter(letter.id) == letter)
            let reasons = try await store.reasons()
            #expect(reasons.counts.map(\.reason) == ["no", "closed"])
            #expect(reasons.counts.map(\.count) == [2, 1])
            // One, then all of a reason.
            #expect(try await store.perform(.requeue, on: letter.id))
            #expect(try await store.perform(.requeue, on: letter.id) == false)
            let step = try await store.perform(.requeue, onReason: "no", after: nil)
            #expect(step == DeadLetterStep(count: 1, next: nil))
            #expect(try await store.count() == 1)
            try await consumer.process([transactions[0], transactions[2]])
            let last = try #require(
                try await store.page(after: nil, reason: "closed", limit: 9).letters.first)
            #expect(try await store.perform(.remove, on: last.id))
            #expect(try await Harness.length(redis, "s:dead") == 0)
        }
    }

    @Test(arguments: ["", "1", "x-1", "1-x", "0:1-1", "1-1-1", "-", "1-18446744073709551616"])
    func `an id that no letter has is unknown`(id: String) async throws {
        try await RedisServer.with { redis in
            let store = try RedisDeadLetterStore(url: redis.url, stream: "s")
            defer { store.close() }
            #expect(try await store.letter(id) == nil)
            #expect(try await store.perform(.requeue, on: id) == false)
            #expect(try await store.perform(.remove, on: id) == false)
        }
    }

    @Test(arguments: [
        "", "0", "x", "-1 ", "1 ", "9223372036854775807 ", "9223372036854775807/5 0-0",
        "9223372036854775807/5 ", "99999999999999999999 ", "0/-1 ", "0/ ", "0/1/2 ", "/5 ",
        "0 garbage", "0 1-x", "0 +", "0/5 (1-1",
    ])
    func `a cursor that no page has returned is refused, and nothing changes`(
        cursor: String
    ) async throws {
        try await RedisServer.with { redis in
            _ = try await redis.command(
                "XADD", "s:dead", "*", "id", "x", "dead_group", "psp", "dead_reason", "no")
            for store in [
                try RedisDeadLetterStore(url: redis.url, stream: "s"),
                try RedisDeadLetterStore(url: redis.url, rqQueue: "default"),
            ] {
                defer { store.close() }
                await #expect(throws: RedisError.self) {
                    _ = try await store.page(after: cursor, reason: nil, limit: 9)
                }
                for action in [DeadLetterAction.remove, .requeue] {
                    await #expect(throws: RedisError.self) {
                        _ = try await store.perform(action, onReason: nil, after: cursor)
                    }
                }
            }
            #expect(try await Harness.length(redis, "s:dead") == 1)
        }
    }

    @Test func `letters that die again meanwhile do not make an action endless`() async throws {
        try await RedisServer.with { redis in
            func add(_ number: Int) async throws {
                _ = try await redis.command(
                    "XADD", "s:dead", "*", "id", "\(number)", "dead_reason", "no")
            }
            for number in 0..<250 { try await add(number) }
            let store = try RedisDeadLetterStore(url: redis.url, stream: "s")
            defer { store.close() }
            var (count, steps) = (0, 0)
            var next: String?
            repeat {
                let step = try await store.perform(.requeue, onReason: nil, after: next)
                for number in 0..<step.count { try await add(1_000 + number) }
                count += step.count
                steps += 1
                next = step.next
            } while next != nil && steps < 100
            #expect(count == 250 && steps == 10)
            #expect(try await store.count() == 250)
        }
    }

    @Test func `an entry of any size is listed, cut to its bounds`() async throws {
        try await RedisServer.with { redis in
            let long = String(repeating: "x", count: 900_000)
            for number in 0..<5 {
                _ = try await redis.command(
                    [
                        "XADD", "s:dead", "*", "id", "\(number)", "x", long,
                    ] + Array(repeating: "y", count: 400)
                        + ["dead_reason", "too large \(number)", "dead_attempts", "1"])
            }
            let store = try RedisDeadLetterStore(url: redis.url, stream: "s")
            defer { store.close() }
            let page = try await store.page(after: nil, reason: nil, limit: 100)
            #expect(page.letters.map(\.reason) == (0..<5).reversed().map { "too large \($0)" })
            let letter = try #require(try await store.letter(page.letters[0].id))
            #expect(try #require(letter.value("x")).utf8.count <= 64 * 1024)
        }
    }

    // MARK: - Partitions

    @Test func `the letters of all partitions are reached`() async throws {
        try await RedisServer.with { redis in
            try await check(redis.url) { try await redis.command($0) }
        }
    }

    @Test func `the letters of a cluster are reached`() async throws {
        try await ClusterGroup.with { cluster in
            let stream = try ClusterStream(cluster, 7)
            try await check(cluster.url) { words in
                try await stream.command(words)
            }
        }
    }

    private func check(
        _ url: String, _ command: ([String]) async throws -> RedisReply
    ) async throws {
        let partitions = StreamPartitions(key: "s", count: 7)
        for partition in [1, 2, 6] {
            for number in 0..<(partition * 10) {
                _ = try await command([
                    "XADD", partitions.deadLetterKey(partition), "*", "id",
                    "\(partition)-\(number)", "dead_reason", number % 2 == 0 ? "even" : "odd",
                ])
            }
        }
        let store = try RedisDeadLetterStore(url: url, stream: "s", partitions: 7)
        defer { store.close() }
        #expect(try await store.count() == 90)
        var ids: Set<String> = []
        var next: String?
        repeat {
            let page = try await store.page(after: next, reason: "even", limit: 25)
            ids.formUnion(page.letters.map(\.id))
            next = page.next
        } while next != nil
        #expect(ids.count == 45 && ids.allSatisfy { "126".contains($0.first ?? " ") })
        let id = try #require(ids.first)
        #expect(try await store.letter(id)?.id == id)
        #expect(try await store.perform(.remove, on: id))
        var count = 0
        repeat {
            let step = try await store.perform(.requeue, onReason: "odd", after: next)
            count += step.count
            next = step.next
        } while next != nil
        #expect(count == 45)
        #expect(try await store.count() == 44)
        var waiting = 0
        for partition in partitions.indices {
            let reply = try await command(["XLEN", partitions.streamKey(partition)])
            if case .integer(let length) = reply { waiting += Int(length) }
        }
        #expect(waiting == 45)
    }
}
