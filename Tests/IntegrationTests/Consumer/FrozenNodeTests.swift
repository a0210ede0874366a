import CoreAPIBase
import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// A consumer of a cluster of which a node stands still, with what it was asked for.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FrozenNodeTests {
    private static let partitions = 16
    private static let prefetch = 8

    private func with(
        _ body: (ClusterGroup, ClusterStream, TransactionConsumer) async throws -> Void
    ) async throws {
        var settings = ClusterGroup.Options()
        // Nobody takes over.
        settings.replicas = 0
        var options = ConsumerHarness.options(prefetch: FrozenNodeTests.prefetch)
        options.name = "c"
        // Nothing is taken for lost, however long a node stands still.
        options.visibilityTimeout = .seconds(60)
        try await ClusterGroup.with(settings) { cluster in
            let consumer = try await TransactionConsumer(
                url: cluster.url, key: "s", partitions: FrozenNodeTests.partitions, group: "psp",
                options: options)
            let stream = try ClusterStream(cluster, FrozenNodeTests.partitions)
            try await body(cluster, stream, consumer)
        }
    }

    private func add(_ users: [Int], to stream: ClusterStream) async throws -> Set<TransactionID> {
        var ids: Set<TransactionID> = []
        for user in users {
            let transaction = try ConsumerHarness.transaction(userID: user)
            try await stream.add(transaction)
            ids.insert(transaction.id)
        }
        return ids
    }

    /// How many entries are pending at the consumer.
    private func held(_ stream: ClusterStream) async throws -> Int {
        var sum = 0
        for partition in 0..<FrozenNodeTests.partitions {
            let reply = try await stream.command(
                "XPENDING", stream.key(partition), "psp", "-", "+", "100", "c")
            if case .array(let entries) = reply { sum += entries.count }
        }
        return sum
    }

    @Test func `while a node stands still the others go on, and no more is held than the prefetch`()
        async throws
    {
        try await with { cluster, stream, consumer in
            let frozen = try await cluster.master(of: stream.key(0))
            var healthy: [Int] = []
            var all = Array(0..<48)
            for user in all {
                let master = try await cluster.master(of: stream.key(ofUser: user))
                if master.id != frozen.id { healthy.append(user) }
            }
            var seen: [TransactionID: Int] = [:]
            for round in 0..<8 {
                all.shuffle()
                var missing = try await add(all, to: stream)
                // The node stops while it is asked for entries.
                for _ in 0...round {
                    let delivery = try await consumer.take()
                    seen[delivery.transaction.id, default: 0] += 1
                    missing.remove(delivery.transaction.id)
                    try await delivery.ack()
                }
                frozen.server.pause()
                var waiting: [Delivery] = []
                var others = try await add(healthy, to: stream)
                while !others.isEmpty {
                    let delivery = try await consumer.take()
                    let id = delivery.transaction.id
                    seen[id, default: 0] += 1
                    missing.remove(id)
                    others.remove(id)
                    if healthy.contains(delivery.transaction.userID) {
                        try await delivery.ack()
                    } else {
                        waiting.append(delivery)
                    }
                }
                frozen.server.resume()
                // Nothing is settled, so nothing more may be held once everything has answered.
                let held = min(FrozenNodeTests.prefetch, waiting.count + missing.count)
                while waiting.count < held {
                    let delivery = try await consumer.take()
                    seen[delivery.transaction.id, default: 0] += 1
                    waiting.append(delivery)
                }
                for delivery in waiting { missing.remove(delivery.transaction.id) }
                try await eventually("no more than the deliveries in hand are held") {
                    try await self.held(stream) == held
                }
                for delivery in waiting { try await delivery.ack() }
                while !missing.isEmpty {
                    let delivery = try await consumer.take()
                    seen[delivery.transaction.id, default: 0] += 1
                    missing.remove(delivery.transaction.id)
                    try await delivery.ack()
                }
            }
            #expect(seen.count == 8 * (48 + healthy.count))
            #expect(seen.values.allSatisfy { $0 == 1 }, "nothing is delivered twice")
        }
    }
}
