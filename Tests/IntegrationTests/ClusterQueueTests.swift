import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// Embedders' queues with a real Redis Cluster.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterQueueTests {
    private static let partitions = StreamPartitions(key: "s", count: 8)

    private var patient: QueueOptions {
        var options = QueueOptions()
        options.enqueueTimeout = .seconds(30)
        return options
    }

    /// The ids of the transactions that the cluster has, with how often.
    private func ids(
        _ group: ClusterGroup, _ partitions: StreamPartitions = ClusterQueueTests.partitions
    ) async throws -> [String: Int] {
        var ids: [String: Int] = [:]
        for partition in partitions.indices {
            let key = partitions.streamKey(partition)
            let master = try await group.master(of: key)
            let reply = try await group.command("XRANGE", key, "-", "+", at: master)
            guard case .array(let entries) = reply else { throw TooLate(what: "\(reply)") }
            for case .array(let entry) in entries {
                guard entry.count == 2, case .array(let fields) = entry[1],
                    let index = fields.firstIndex(of: .bulk(Array("id".utf8))),
                    case .bulk(let id) = fields[index + 1]
                else { continue }
                ids[String(decoding: id, as: UTF8.self), default: 0] += 1
            }
        }
        return ids
    }

    /// Enqueues transactions of as many users, half of them with a key.
    private func enqueue(
        _ queue: StreamTransactionQueue, users: Range<Int>, _ ids: inout Set<String>
    ) async throws {
        for user in users {
            let transaction = try ConsumerHarness.transaction(1, userID: user)
            let key = user.isMultiple(of: 2) ? IdempotencyKey("\(transaction.id)") : nil
            _ = try await queue.enqueue(transaction, idempotencyKey: key)
            ids.insert("\(transaction.id)")
        }
    }

    private func expectOnce(_ ids: Set<String>, _ group: ClusterGroup) async throws {
        let found = try await self.ids(group)
        #expect(found.values.allSatisfy { $0 == 1 })
        #expect(ids.subtracting(found.keys).isEmpty)
    }

    @Test func `partitions lie on several nodes, and one seed suffices`() async throws {
        try await ClusterGroup.with { group in
            let url = group.url(of: [group.nodes[1]])
            let queue = try await StreamTransactionQueue(
                url: url, key: "s", partitions: 8, options: patient)
            var ids: Set<String> = []
            try await enqueue(queue, users: 0..<100, &ids)
            try await expectOnce(ids, group)
            let slot = try await group.master(of: "s")
            let claim = try await group.command("GET", "core-api:partitions:{s}", at: slot)
            #expect(claim == .bulk(Array("8".utf8)))
            queue.close()
        }
    }

    @Test func `a stream without partitions is in one slot`() async throws {
        try await ClusterGroup.with { group in
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", options: patient)
            var ids: Set<String> = []
            try await enqueue(queue, users: 0..<10, &ids)
            let found = try await self.ids(group, StreamPartitions(key: "s"))
            #expect(Set(found.keys) == ids)
            queue.close()
        }
    }

    @Test func `a queue follows planned failovers and the death of a master`() async throws {
        var options = ClusterGroup.Options()
        options.redis = ["--appendonly", "yes", "--appendfsync", "always"]
        try await ClusterGroup.with(options) { group in
            var settings = patient
            settings.durability = .replicas(1)
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", partitions: 8, options: settings)
            var ids: Set<String> = []
            try await enqueue(queue, users: 0..<50, &ids)
            let first = try await group.master(of: "{s:0}")
            try await group.failOver(first)
            try await enqueue(queue, users: 50..<100, &ids)
            queue.close()
            let memory = try await StreamTransactionQueue(
                url: group.url, key: "s", partitions: 8, options: patient)
            let second = try await group.master(of: "{s:1}")
            let replica = try await group.replica(of: second)
            second.server.kill()
            try await enqueue(memory, users: 100..<150, &ids)
            try await group.takesOver(replica)
            try await expectOnce(ids, group)
            memory.close()
        }
    }

    @Test func `slots move to and fro under load`() async throws {
        try await ClusterGroup.with { group in
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", partitions: 8, options: patient)
            let load = Task {
                var ids: Set<String> = []
                var user = 0
                while !Task.isCancelled {
                    try await enqueue(queue, users: user..<(user + 20), &ids)
                    user += 20
                }
                return ids
            }
            for key in ["{s:0}", "{s:1}", "{s:0}"] {
                let source = try await group.master(of: key)
                let target = try await group.otherMaster(than: source)
                try await group.moveSlot(of: key, to: target)
                try await group.moveSlot(of: key, to: source)
            }
            load.cancel()
            let ids = try await load.value
            #expect(!ids.isEmpty)
            try await expectOnce(ids, group)
            queue.close()
        }
    }

    @Test func `a shard that is down holds up its own partitions alone`() async throws {
        var options = ClusterGroup.Options()
        options.replicas = 0
        try await ClusterGroup.with(options) { group in
            var settings = patient
            settings.enqueueTimeout = .milliseconds(500)
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", partitions: 8, options: settings)
            var ids: Set<String> = []
            try await enqueue(queue, users: 0..<50, &ids)
            let down = try await group.master(of: "{s:0}")
            var isDown: [Bool] = []
            for partition in 0..<8 {
                let master = try await group.master(of: "{s:\(partition)}")
                isDown.append(master.id == down.id)
            }
            #expect(isDown.contains(false))
            down.server.kill()
            var refused = 0
            for user in 50..<70 {
                let partition = ClusterQueueTests.partitions.index(ofUser: user)
                let transaction = try ConsumerHarness.transaction(1, userID: user)
                do {
                    try await queue.enqueue(transaction)
                    #expect(!isDown[partition])
                } catch {
                    #expect(isDown[partition], "\(error)")
                    refused += 1
                }
            }
            #expect(refused > 0)
            queue.close()
        }
    }

    @Test func `a queue says why it cannot be opened`() async throws {
        try await ClusterGroup.with { group in
            let queue = try await StreamTransactionQueue(
                url: group.url, key: "s", partitions: 8, options: patient)
            queue.close()
            await #expect(throws: RedisError.partitionCountDiffers(inRedis: 8)) {
                _ = try await StreamTransactionQueue(url: group.url, key: "s", partitions: 4)
            }
            await #expect(throws: RedisError.urlInvalid(.clusterOfJobs)) {
                _ = try await RQTransactionQueue(url: group.url)
            }
            for node in group.nodes { node.server.kill() }
            await #expect(throws: RedisError.clusterUnreachable) {
                _ = try await StreamTransactionQueue(url: group.url, key: "s", partitions: 8)
            }
        }
    }
}
