import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Logging
import Synchronization
import Testing

/// Consumers of a stream whose partitions lie in a Redis Cluster.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterConsumerTests {
    private static let partitions = 8

    private func consumer(
        _ cluster: ClusterGroup, _ options: ConsumerOptions = ConsumerHarness.options()
    ) async throws -> TransactionConsumer {
        try await TransactionConsumer(
            url: cluster.url, key: "s", partitions: ClusterConsumerTests.partitions, group: "psp",
            options: options)
    }

    private func transactions(_ count: Int) throws -> [Transaction] {
        try (0..<count).map { try ConsumerHarness.transaction($0 + 1, userID: $0) }
    }

    /// The sums over all partitions.
    private func length(_ stream: ClusterStream, _ suffix: String = "") async throws -> Int {
        var sum = 0
        for partition in 0..<ClusterConsumerTests.partitions {
            let reply = try await stream.command("XLEN", stream.key(partition) + suffix)
            if case .integer(let count) = reply { sum += Int(count) }
        }
        return sum
    }

    private func isEmptied(_ stream: ClusterStream) async throws {
        try await eventually("the partitions are emptied") { try await self.length(stream) == 0 }
    }

    private func with(
        _ body: (ClusterGroup, ClusterStream) async throws -> Void
    ) async throws {
        try await ClusterGroup.with { cluster in
            try await body(cluster, ClusterStream(cluster, ClusterConsumerTests.partitions))
        }
    }

    // MARK: - Sharing

    /// Counts deliveries.
    private final class Tally: Sendable {
        private let deliveries = Mutex<(counts: [TransactionID: Int], consumers: Set<Int>)>(
            ([:], []))

        /// Returns how many transactions were delivered.
        func add(_ delivery: Delivery, _ consumer: Int) -> Int {
            deliveries.withLock {
                $0.counts[delivery.transaction.id, default: 0] += 1
                $0.consumers.insert(consumer)
                return $0.counts.count
            }
        }

        var counts: [TransactionID: Int] { deliveries.withLock { $0.counts } }
        var consumers: Set<Int> { deliveries.withLock { $0.consumers } }
    }

    @Test func `the consumers of a group share all partitions of a cluster`() async throws {
        try await with { cluster, stream in
            let sent = try transactions(80)
            let consumers = [try await consumer(cluster), try await consumer(cluster)]
            let tally = Tally()
            let end = sent.count
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, consumer) in consumers.enumerated() {
                    group.addTask {
                        for try await delivery in consumer {
                            try await Task.sleep(for: .milliseconds(2))
                            try await delivery.ack()
                            if tally.add(delivery, number) == end {
                                for other in consumers { other.stop() }
                            }
                        }
                    }
                }
                for transaction in sent { try await stream.add(transaction) }
                try await group.waitForAll()
            }
            #expect(tally.counts == Dictionary(uniqueKeysWithValues: sent.map { ($0.id, 1) }))
            #expect(tally.consumers == [0, 1])
            try await isEmptied(stream)
        }
    }

    @Test func `a consumer has one connection to each master`() async throws {
        try await with { cluster, stream in
            let consumer = try await consumer(cluster)
            let sent = try transactions(40)
            for transaction in sent { try await stream.add(transaction) }
            try await consumer.process(sent)
            for partition in 0..<ClusterConsumerTests.partitions {
                let master = try await cluster.master(of: stream.key(partition))
                try await eventually("the consumer has one connection") {
                    let clients = try await master.server.texts("CLIENT", "LIST").joined()
                    // The stream of the test adds entries, and asks for lengths.
                    return clients.split(separator: "\n").count { line in
                        line.contains("cmd=xreadgroup") || line.contains("cmd=evalsha")
                    } == 1
                }
            }
        }
    }

    @Test func `a user's transactions are delivered in order, if one is in hand at a time`()
        async throws
    {
        try await with { cluster, stream in
            let users = [1, 2, 3, 4, 5]
            var sent: [Int: [TransactionID]] = [:]
            for _ in 0..<12 {
                for user in users {
                    let transaction = try ConsumerHarness.transaction(userID: user)
                    try await stream.add(transaction)
                    sent[user, default: []].append(transaction.id)
                }
            }
            let consumer = try await consumer(cluster, ConsumerHarness.options(prefetch: 1))
            var seen: [Int: [TransactionID]] = [:]
            for _ in 0..<60 {
                let delivery = try await consumer.take()
                seen[delivery.transaction.userID, default: []].append(delivery.transaction.id)
                try await delivery.ack()
            }
            #expect(seen == sent)
        }
    }

    @Test func `a consumer holds no more than its prefetch`() async throws {
        try await with { cluster, stream in
            for transaction in try transactions(60) { try await stream.add(transaction) }
            var options = ConsumerHarness.options(prefetch: 3)
            options.name = "c"
            let consumer = try await consumer(cluster, options)
            let held = try await consumer.take()
            // An answer that comes late may bring more, which is given back.
            try await eventually("it holds no more than its prefetch") {
                1...3 ~= (try await self.pending(stream, of: "c"))
            }
            try await held.ack()
        }
    }

    private func pending(_ stream: ClusterStream, of consumer: String) async throws -> Int {
        var sum = 0
        for partition in 0..<ClusterConsumerTests.partitions {
            let reply = try await stream.command(
                "XPENDING", stream.key(partition), "psp", "-", "+", "100", consumer)
            if case .array(let entries) = reply { sum += entries.count }
        }
        return sum
    }

    // MARK: - Retries

    @Test func `each partition has its retries and its dead letters`() async throws {
        try await with { cluster, stream in
            let sent = try transactions(16)
            for transaction in sent { try await stream.add(transaction) }
            let consumer = try await consumer(cluster, ConsumerHarness.options(attemptsMax: 3))
            var attempts: [TransactionID: [Int]] = [:]
            for _ in 0..<48 {
                let delivery = try await consumer.take()
                attempts[delivery.transaction.id, default: []].append(delivery.attempt)
                await delivery.retry(because: "no")
            }
            for transaction in sent { #expect(attempts[transaction.id] == [1, 2, 3]) }
            try await eventually("all are dead") { try await self.length(stream, ":dead") == 16 }
            #expect(try await length(stream) == 0)
        }
    }

    @Test func `what a consumer that died held is delivered to another`() async throws {
        try await with { cluster, stream in
            let sent = try transactions(24)
            for transaction in sent { try await stream.add(transaction) }
            let survivor = try await consumer(cluster, ConsumerHarness.hasty)
            for partition in 0..<ClusterConsumerTests.partitions {
                _ = try await stream.command(
                    "XREADGROUP", "GROUP", "psp", "dead", "COUNT", "100", "STREAMS",
                    stream.key(partition), ">")
            }
            try await survivor.process(sent)
            survivor.stop()
        }
    }

    @Test func `a consumer that stops gives back what it has not delivered, and leaves`()
        async throws
    {
        try await with { cluster, stream in
            for transaction in try transactions(20) { try await stream.add(transaction) }
            let first = try await consumer(cluster)
            let held = try await first.take()
            first.stop()
            try await held.ack()
            var iterator = first.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
            let second = try await consumer(cluster)
            for _ in 0..<19 {
                let delivery = try await second.take()
                #expect(delivery.attempt == 1)
                try await delivery.ack()
            }
            try await isEmptied(stream)
        }
    }

    // MARK: - Logins

    @Test func `a consumer needs the permissions for partitions, and to ask for the shards`()
        async throws
    {
        let user = "partitions-consumer"
        let rights = RedisServer.accessRights.first { $0.0 == user }?.1.filter {
            $0.hasPrefix("+") && $0 != "+cluster|shards"
        }
        let keys = ["~s", "~{s:*}*", "~core-api:partitions:*"]
        try await with { cluster, stream in
            var options = ConsumerHarness.options(attemptsMax: 2)
            options.name = "c"
            func consumer() async throws -> TransactionConsumer {
                try await TransactionConsumer(
                    url: cluster.url(of: cluster.nodes, login: "\(user):pw@"), key: "s",
                    partitions: ClusterConsumerTests.partitions, group: "psp", options: options)
            }
            let without = ["reset", "on", ">pw"] + keys + (rights ?? [])
            try await cluster.setUser([user] + without)
            do {
                _ = try await consumer()
                Issue.record("the map needs no permission")
            } catch ConsumerError.refused(.server(let reply)) {
                #expect(reply.kind == .noPermission)
            }
            try await cluster.setUser([user, "+cluster|shards"])
            let consumer = try await consumer()
            let sent = try transactions(12)
            for transaction in sent { try await stream.add(transaction) }
            for _ in 0..<24 { await (try await consumer.take()).retry() }
            try await eventually("all are dead") { try await self.length(stream, ":dead") == 12 }
            consumer.stop()
            var iterator = consumer.makeAsyncIterator()
            #expect(try await iterator.next() == nil)
        }
    }

    @Test func `a password that the nodes refuse is refused at once`() async throws {
        try await with { cluster, _ in
            try await cluster.setUser(["other", "on", ">pw", "~*", "+@all"])
            do {
                _ = try await TransactionConsumer(
                    url: cluster.url(of: cluster.nodes, login: "other:wrong@"), key: "s",
                    partitions: ClusterConsumerTests.partitions, group: "psp")
                Issue.record("the password was taken")
            } catch ConsumerError.refused(.refused(let reply)) {
                #expect(reply.kind == .wrongPassword)
            }
        }
    }
}
