import CoreAPIKit
import CoreAPIRedis
import Foundation
import Testing

/// `RATE_LIMIT` and `STATUS_SECONDS` in a real Redis Cluster: what is kept of a user or of a
/// transaction lies at the node of its partition, for all servers, and moves with it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClusterFeatureTests {
    private static let partitions = 8
    private static let users = 0..<24

    private func with(
        replicas: Int = 0, _ body: (ClusterGroup, [APIServer]) async throws -> Void
    ) async throws {
        var options = ClusterGroup.Options()
        options.replicas = replicas
        try await ClusterGroup.with(options) { group in
            let environment = [
                "REDIS_URL": group.url, "QUEUE": "stream:s", "THREADS": "2",
                "PARTITIONS": "\(Self.partitions)", "RATE_LIMIT": "3/3600",
                "STATUS_SECONDS": "3600",
            ]
            try await APIServer.with(environment) { one in
                try await APIServer.with(environment) { two in try await body(group, [one, two]) }
            }
        }
    }

    private func post(_ server: APIServer, user: Int, key: String? = nil) throws -> Answer {
        try server.post(
            APIServer.body(token: APIServer.token(userID: user)),
            fields: key.map { "Idempotency-Key: \($0)\r\n" } ?? "")
    }

    private func get(_ server: APIServer, _ id: String, user: Int) throws -> Answer {
        try server.get(
            "/transaction/\(id)",
            fields: "Authorization: Bearer \(APIServer.token(userID: user))\r\n")
    }

    /// The tag of the keys of a user's partition.
    private func tag(ofUser user: Int) -> String {
        let partitions = StreamPartitions(key: "s", count: Self.partitions)
        return "s:\(partitions.index(ofUser: user))"
    }

    /// Each user has as many as the limit, whichever server takes them.
    ///
    /// - Returns: the id of each user's first transaction.
    private func spend(_ servers: [APIServer]) throws -> [Int: String] {
        var ids: [Int: String] = [:]
        for user in Self.users {
            for number in 0..<3 {
                let server = servers[(user + number) % 2]
                let answer = try post(server, user: user, key: "\(number)")
                #expect(answer.status == 200, "\(answer.body)")
                #expect(answer.fields["ratelimit"]?.hasPrefix("\"user\";r=\(2 - number);") == true)
                if number == 0 { ids[user] = answer.fields["transaction-id"] }
            }
            #expect(ids[user] != nil)
        }
        return ids
    }

    /// Every server refuses one more, and tells the first one's status to its user alone.
    private func expectKept(_ ids: [Int: String], _ servers: [APIServer]) async throws {
        for (index, server) in servers.enumerated() {
            for (user, id) in ids.sorted(by: { $0.key < $1.key }) {
                var refused = try post(server, user: user)
                // While a slot has moved, or a master is another, a server may have to find it.
                try await eventually("the partition answers") {
                    if refused.status != 503 { return true }
                    refused = try post(server, user: user)
                    return false
                }
                #expect(refused.status == 429, "user \(user), server \(index): \(refused.body)")
                #expect(refused.fields["ratelimit"]?.hasPrefix("\"user\";r=0;") == true)
                let replay = try post(server, user: user, key: "0")
                #expect(replay.status == 200 && replay.fields["idempotent-replayed"] == "true")
                #expect(replay.fields["location"] == "/transaction/\(id)")
                var told = try get(server, id, user: user)
                try await eventually("the status is told") {
                    if told.status != 503 { return true }
                    told = try get(server, id, user: user)
                    return false
                }
                #expect(told.status == 200, "user \(user), server \(index): \(told.body)")
                #expect(told.body.contains("\"status\":\"queued\""))
                #expect(try get(server, id, user: user + 100).status == 404)
            }
        }
    }

    @Test func `limits and statuses hold over all servers, at the nodes of their partitions`()
        async throws
    {
        try await with { group, servers in
            let ids = try spend(servers)
            try await expectKept(ids, servers)
            var masters: Set<String> = []
            for (user, id) in ids {
                let tag = tag(ofUser: user)
                let master = try await group.master(of: "{\(tag)}")
                masters.insert(master.id)
                for key in ["core-api:limit:{\(tag)}:\(user)", "core-api:status:{\(tag)}:\(id)"] {
                    #expect(
                        try await group.command("EXISTS", key, at: master) == .integer(1), "\(key)")
                    guard
                        case .integer(let seconds) = try await group.command(
                            "TTL", key, at: master)
                    else {
                        Issue.record("\(key) has no lifetime")
                        continue
                    }
                    #expect((1...3_600).contains(seconds), "\(key)")
                }
            }
            #expect(masters.count > 1)
        }
    }

    @Test func `limits and statuses move with the slot of their partition`() async throws {
        try await with { group, servers in
            let ids = try spend(servers)
            let key = "{\(tag(ofUser: 1))}"
            let source = try await group.master(of: key)
            let target = try await group.otherMaster(than: source)
            try await group.moveSlot(of: key, to: target)
            try await expectKept(ids, servers)
            #expect(
                try await group.command(
                    "EXISTS", "core-api:limit:\(key):1", at: target) == .integer(1))
        }
    }

    @Test func `limits and statuses outlive a failover`() async throws {
        try await with(replicas: 1) { group, servers in
            let ids = try spend(servers)
            let master = try await group.master(of: "{\(tag(ofUser: 1))}")
            try await group.failOver(master)
            try await expectKept(ids, servers)
        }
    }

    @Test func `the status of each partition's transactions follows their consumer`() async throws {
        try await with { group, servers in
            let ids = try spend(servers)
            let consumer = try await TransactionConsumer(
                url: group.url, key: "s", partitions: Self.partitions, group: "psp",
                options: ConsumerHarness.options())
            var left = 3 * ids.count
            for try await delivery in consumer {
                try await delivery.ack()
                left -= 1
                if left == 0 { consumer.stop() }
            }
            for (user, id) in ids {
                let told = try get(servers[user % 2], id, user: user)
                #expect(told.body.contains("\"status\":\"processed\""), "\(told.body)")
                #expect(told.body.contains("\"attempts\":1"))
            }
        }
    }
}
