import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// Consumers of a cluster while nodes fail, slots move and nodes come and go.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterOutageTests {
    private static let partitions = 8

    /// Runs the body with a cluster whose nodes keep what they confirm, and a consumer.
    private func with(
        _ options: ConsumerOptions = ConsumerHarness.options(),
        _ body: (ClusterGroup, ClusterStream, TransactionConsumer) async throws -> Void
    ) async throws {
        var settings = ClusterGroup.Options()
        settings.redis = ConsumerHarness.keepsEverything
        try await ClusterGroup.with(settings) { cluster in
            let consumer = try await TransactionConsumer(
                url: cluster.url, key: "s", partitions: ClusterOutageTests.partitions,
                group: "psp", options: options)
            let stream = try ClusterStream(cluster, ClusterOutageTests.partitions)
            try await body(cluster, stream, consumer)
        }
    }

    /// Adds transactions of many users, of every partition.
    private func add(_ count: Int, to stream: ClusterStream) async throws -> [Transaction] {
        var sent: [Transaction] = []
        for number in 0..<count {
            let transaction = try ConsumerHarness.transaction(number + 1, userID: number)
            try await stream.add(transaction)
            sent.append(transaction)
        }
        return sent
    }

    /// A user whose transactions are, or are not, at the node.
    private func user(
        _ isThere: Bool, at node: ClusterGroup.Node, _ cluster: ClusterGroup,
        _ stream: ClusterStream
    ) async throws -> Int {
        for user in 0..<100 {
            let master = try await cluster.master(of: stream.key(ofUser: user))
            if (master.id == node.id) == isThere { return user }
        }
        throw TooLate(what: "no user is there")
    }

    @Test func `a consumer follows a planned failover`() async throws {
        try await with { cluster, stream, consumer in
            for _ in 0..<2 {
                let before = try await add(20, to: stream)
                for partition in 0..<ClusterOutageTests.partitions {
                    let master = try await cluster.master(of: stream.key(partition))
                    guard partition.isMultiple(of: 3) else { continue }
                    try await cluster.failOver(master)
                    try await cluster.settle()
                }
                try await consumer.process(before + (try await add(20, to: stream)))
            }
        }
    }

    @Test func `a consumer follows a replica that takes over from a master that is killed`()
        async throws
    {
        try await with { cluster, stream, consumer in
            try await consumer.process(try await add(20, to: stream))
            let master = try await cluster.master(of: stream.key(0))
            let replica = try await cluster.replica(of: master)
            // `WAIT` for the replica, so that the failover loses nothing.
            let before = try await add(20, to: stream)
            try await eventually("the replica has everything") {
                let ask: (ClusterGroup.Node) async throws -> RedisReply = { node in
                    try await cluster.command("DBSIZE", at: node)
                }
                return try await ask(master) == ask(replica)
            }
            master.server.kill()
            try await cluster.takesOver(replica)
            try await consumer.process(before + (try await add(20, to: stream)))
            try await master.server.start()
            try await cluster.settle()
            try await consumer.process(try await add(20, to: stream))
        }
    }

    @Test func `a consumer follows slots that move, with what it holds`() async throws {
        try await with { cluster, stream, consumer in
            let key = stream.key(0)
            let source = try await cluster.master(of: key)
            let target = try await cluster.otherMaster(than: source)
            let user = try #require((0..<100).first { stream.key(ofUser: $0) == key })
            var held: [Delivery] = []
            let sent = try (0..<3).map { _ in try ConsumerHarness.transaction(userID: user) }
            try await stream.add(sent[0])
            held.append(try await consumer.take())
            try await cluster.beginMove(ofSlotOf: key, from: source, to: target)
            try await stream.add(sent[1])
            held.append(try await consumer.take())
            try await cluster.moveKeys(ofSlotOf: key, from: source, to: target)
            try await cluster.endMove(ofSlotOf: key, from: source, to: target)
            try await stream.add(sent[2])
            held.append(try await consumer.take())
            #expect(held.map(\.transaction.id) == sent.map(\.id))
            try await held[0].ack()
            await held[1].retry(because: "later")
            try await held[2].ack()
            let again = try await consumer.take()
            #expect(again.transaction.id == sent[1].id)
            #expect(again.attempt == 2)
            try await again.ack()
            try await eventually("the partition is emptied") {
                try await stream.command("XLEN", key) == .integer(0)
            }
            try await cluster.moveSlot(of: key, to: source)
            try await consumer.process(try await add(20, to: stream))
        }
    }

    @Test func `while a shard is away, the partitions of the others are consumed`() async throws {
        try await with { cluster, stream, consumer in
            let master = try await cluster.master(of: stream.key(0))
            let replica = try await cluster.replica(of: master)
            let healthy = try await user(false, at: master, cluster, stream)
            let away = try await user(true, at: master, cluster, stream)
            replica.server.kill()
            master.server.kill()
            for number in 1...20 {
                let transaction = try ConsumerHarness.transaction(number, userID: healthy)
                try await stream.add(transaction)
                let delivery = try await consumer.take()
                #expect(delivery.transaction.id == transaction.id)
                try await delivery.ack()
            }
            try await master.server.start()
            try await replica.server.start()
            try await cluster.settle()
            let transaction = try ConsumerHarness.transaction(userID: away)
            try await stream.add(transaction)
            try await consumer.process([transaction])
        }
    }

    @Test func `a consumer makes the groups of a cluster again that has lost everything`()
        async throws
    {
        try await with { cluster, stream, consumer in
            for partition in 0..<ClusterOutageTests.partitions {
                let master = try await cluster.master(of: stream.key(partition))
                try await cluster.command("FLUSHALL", at: master)
            }
            try await consumer.process(try await add(20, to: stream))
        }
    }
}
