import ChildProcess
import Foundation
import Logging
import Testing

@testable import CoreAPIKit
@testable import CoreAPIRedis

/// A Redis that goes away, comes back, forgets, or refuses.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ConsumerOutageTests {
    private typealias Harness = ConsumerHarness

    @Test func `a consumer continues after a short and a long outage of Redis`()
        async throws
    {
        try await RedisServer.with(Harness.keepsEverything) { redis in
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            for awaySeconds in [0, 7] {
                let transactions = try await Harness.enqueue(10, to: redis)
                let held = try await consumer.take()
                redis.kill()
                // Longer than a command waits.
                try await Task.sleep(for: .seconds(awaySeconds))
                try await redis.start()
                do { try await held.ack() } catch { await held.retry() }
                let more = try await Harness.enqueue(10, to: redis)
                let missing = transactions.filter { $0 != held.transaction } + more
                try await consumer.process(missing)
                try await eventually("nothing is pending") {
                    // A repeated delivery was processed before, or its acknowledgement failed.
                    while try await Harness.pending(redis) > 0 {
                        try await consumer.take().ack()
                    }
                    return true
                }
            }
        }
    }

    @Test func `a lost stream and its group are created again`() async throws {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis)
            for command in [["FLUSHALL"], ["DEL", "s"], ["XGROUP", "DESTROY", "s", "psp"]] {
                let before = try await Harness.enqueue(2, to: redis)
                let held = try await consumer.take()
                #expect(before.contains(held.transaction))
                _ = try await redis.command(command)
                try await held.ack()
                try await consumer.process(try await Harness.enqueue(2, to: redis))
            }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `a stream that is deleted again and again is created again each time`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            for command in [["FLUSHALL"], ["DEL", "s"], ["XGROUP", "DESTROY", "s", "psp"]] {
                // A scan is due twice a second: some of them find nothing.
                for _ in 0..<4 {
                    _ = try await redis.command(command)
                    try await eventually("the group is there again") {
                        guard try await redis.texts("EXISTS", "s") == ["1"] else { return false }
                        return try await redis.texts("XINFO", "GROUPS", "s").contains("psp")
                    }
                    try await Task.sleep(for: .milliseconds(150))
                }
                try await consumer.process(try await Harness.enqueue(2, to: redis))
            }
        }
    }

    @Test func `a Redis that loses all data during an outage gets its stream and group again`()
        async throws
    {
        try await RedisServer.with(["--appendonly", "no"]) { redis in
            let connector = try Program(
                Program.built("connector-example"), [redis.url, "s", "psp"])
            for awaySeconds in [0, 8] {
                let transactions = try await Harness.enqueue(3, to: redis)
                try await eventually("all are charged") {
                    transactions.allSatisfy { connector.output.contains("\($0.id)") }
                }
                redis.kill()
                // Longer than a command waits, and than a scan is due.
                try await Task.sleep(for: .seconds(awaySeconds))
                try await redis.start()
            }
            let transactions = try await Harness.enqueue(3, to: redis)
            try await eventually("all are charged") {
                transactions.allSatisfy { connector.output.contains("\($0.id)") }
            }
            connector.signal(SIGTERM)
            #expect(try await connector.status() == 0, "\(connector.errors)")
            #expect(!connector.errors.contains("gives up"), "\(connector.errors)")
            #expect(connector.errors.ranges(of: "entries cannot be fetched").count <= 3)
        }
    }

    @Test func `scripts that Redis has forgotten are loaded again`() async throws {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis)
            _ = try await redis.command("SCRIPT", "FLUSH")
            try await consumer.process(try await Harness.enqueue(2, to: redis))
        }
    }

    @Test func `a full memory is waited for`() async throws {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis, Harness.hasty)
            let transactions = try await Harness.enqueue(1, to: redis)
            let held = try await consumer.take()
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
            // A dead letter cannot be written now, so it comes again.
            await held.reject(because: "no")
            _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
            try await consumer.process(transactions)
            #expect(try await Harness.deadLetters(redis).isEmpty)
        }
    }

    @Test func `a lasting error is thrown at once`() async throws {
        try await RedisServer.with(["--requirepass", "secret"]) { redis in
            await #expect(throws: ConsumerError.refused(.urlInvalid(.scheme))) {
                try await TransactionConsumer(url: "http://x", key: "s", group: "g")
            }
            let port = try FreePort.next()
            do throws(ConsumerError) {
                _ = try await TransactionConsumer(
                    url: "redis://127.0.0.1:\(port)", key: "s", group: "g")
                Issue.record("connected")
            } catch {
                guard case .unavailable(.connectFailed) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            try await expectRefusal(.noAuthentication) {
                _ = try await TransactionConsumer(url: redis.url, key: "s", group: "g")
            }
            let url = "redis://:secret@127.0.0.1:\(redis.port)"
            _ = try await redis.command("SET", "s", "text", url: url)
            try await expectRefusal(.wrongType) {
                _ = try await TransactionConsumer(url: url, key: "s", group: "g")
            }
        }
    }

    @Test(arguments: RedisServer.Kind.allCases)
    func `a consumer needs no more rights than docs say, and each of them`(
        kind: RedisServer.Kind
    ) async throws {
        try await RedisServer.with(kind: kind) { redis in
            let (user, rights) = try #require(
                RedisServer.accessRights.first { $0.0 == "stream-consumer" })
            let commands = rights.filter { $0.hasPrefix("+") }
            let setUser = { (missing: String?) in
                _ = try await redis.command(
                    ["ACL", "SETUSER", user, "reset", "on", ">pw"]
                        + rights.filter { $0 != missing })
            }
            let url = "redis://\(user):pw@127.0.0.1:\(redis.port)"
            try await setUser(nil)
            try await work(redis, url)
            for missing in commands {
                try await setUser(missing)
                await #expect(throws: (any Error).self, "\(missing)") {
                    try await work(redis, url)
                }
            }
        }
    }

    /// Does everything that a consumer can do, as often as it is possible at once.
    private func work(_ redis: RedisServer, _ url: String) async throws {
        _ = try await redis.command("FLUSHALL")
        try await Harness.enqueue(3, to: redis, key: "transactions")
        let connection = try await RedisConnection(
            opening: RedisURL(url),
            options: RedisConnection.Options(scripts: ConsumerScripts.all),
            logger: Logger(label: "test"))
        defer { connection.close() }
        let commands = ConsumerCommands(
            StreamPartitions(key: "transactions"), group: "psp", consumer: "me")
        _ = try await connection.execute(commands.createGroup)
        _ = try await connection.execute(commands.join)
        let read = try await connection.execute(commands.read(count: 3, blockMilliseconds: 1))
        let names = try ReceivedEntry.list(read: read).map(\.name)
        try #require(names.count == 3)
        _ = try await connection.execute(commands.extend(names))
        _ = try await connection.execute(commands.acknowledge(names[0]))
        _ = try await connection.execute(commands.retry(names[1], pauseMilliseconds: 0))
        // One whose time has been deleted, and one that is due.
        _ = try await connection.execute(commands.retry(names[2], pauseMilliseconds: 0))
        _ = try await redis.command("ZREM", "transactions:psp:retry", names[2].id)
        let claimed = try await connection.execute(
            commands.claim(room: 3, attemptsMax: 3, visibilityMilliseconds: 60_000, scans: true))
        let again = try ClaimedEntries(reply: claimed).entries.map(\.name)
        try #require(again == names[1...].map { DeliveryName(id: $0.id, attempt: 2) })
        _ = try await connection.execute(
            commands.deadLetter(again[0], reason: "no"))
        _ = try await connection.execute(commands.acknowledge(names[2]))
        _ = try await connection.execute(commands.tidy())
        _ = try await connection.execute(commands.leave)
    }

    @Test func `a key that changes its type ends the sequence of every waiting task`()
        async throws
    {
        try await RedisServer.with { redis in
            let consumer = try await Harness.consumer(redis)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await expectRefusal(.wrongType) { for try await _ in consumer {} }
                    }
                }
                // Between the two another command may see that there is no key, and make the group.
                _ = try await redis.command("SET", "s", "text")
                try await group.waitForAll()
            }
            try await expectRefusal(.wrongType) { for try await _ in consumer {} }
        }
    }
}
