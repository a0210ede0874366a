import Testing

@testable import CoreAPIRedis

@Suite struct ClusterMapTests {
    private let asked = RedisAddress(host: "seed", port: 7_000)

    private func text(_ text: String) -> RedisReply { .bulk(Array(text.utf8)) }

    private func node(
        _ endpoint: RedisReply?, _ port: Int64?, tlsPort: Int64? = nil, role: String = "master",
        health: String = "online"
    ) -> RedisReply {
        var fields: [RedisReply] = [text("id"), text("e10b"), text("role"), text(role)]
        if let endpoint { fields += [text("endpoint"), endpoint] }
        if let port { fields += [text("port"), .integer(port)] }
        if let tlsPort { fields += [text("tls-port"), .integer(tlsPort)] }
        return .array(fields + [text("health"), text(health), text("ip"), text("10.9.9.9")])
    }

    private func shard(_ slots: [Int64], _ nodes: [RedisReply]) -> RedisReply {
        .array([
            text("slots"), .array(slots.map { .integer($0) }), text("nodes"), .array(nodes),
        ])
    }

    private func map(_ shards: [RedisReply], usesTLS: Bool = false) throws -> ClusterMap {
        try ClusterMap(shards: .array(shards), asked: asked, usesTLS: usesTLS)
    }

    private func master(_ map: ClusterMap, _ slot: Int) throws -> String? {
        map[try #require(HashSlot(slot))].map { "\($0.host):\($0.port)" }
    }

    // MARK: - CLUSTER SHARDS

    @Test func `each slot has the master of its shard`() throws {
        let map = try map([
            shard(
                [0, 99, 200, 299],
                [node(text("a"), 1, role: "replica"), node(text("b"), 2)]),
            shard(
                [100, 199, 300, 16_383], [node(text("c"), 3), node(text("d"), 4, role: "replica")]),
        ])
        for (slot, address) in [
            (0, "b:2"), (99, "b:2"), (100, "c:3"), (199, "c:3"), (200, "b:2"), (300, "c:3"),
            (16_383, "c:3"),
        ] {
            #expect(try master(map, slot) == address)
        }
        #expect(map.isComplete)
        #expect(map.masters.map(\.host) == ["b", "c"])
    }

    @Test func `without slots, a master or an address, slots are not served`() throws {
        let map = try map([
            shard([], [node(text("old"), 1, health: "fail")]),
            shard([0, 9], []),
            shard([10, 19], [node(text("a"), 1, role: "replica")]),
            shard([20, 29], [node(text("?"), 2)]),
            shard([30, 39], [node(text("a"), nil, tlsPort: 3)]),
        ])
        for slot in [0, 10, 20, 30, 40] { #expect(try master(map, slot) == nil) }
        #expect(map.masters.isEmpty && !map.isComplete)
    }

    @Test func `an endpoint that is empty, null or missing is the host that was asked`() throws {
        for endpoint in [text(""), .null, nil] {
            #expect(try master(map([shard([0, 0], [node(endpoint, 5)])]), 0) == "seed:5")
        }
    }

    @Test func `of two masters the one that is online is taken`() throws {
        let nodes = [node(text("a"), 1, health: "failed"), node(text("b"), 2)]
        #expect(try master(map([shard([0, 0], nodes)]), 0) == "b:2")
        #expect(try master(map([shard([0, 0], nodes.reversed())]), 0) == "b:2")
    }

    @Test func `with TLS the port is tls-port`() throws {
        let shards = [shard([0, 0], [node(text("a"), 1, tlsPort: 2)])]
        #expect(try master(map(shards), 0) == "a:1")
        #expect(try master(map(shards, usesTLS: true), 0) == "a:2")
    }

    @Test func `an address of IPv6 is a host`() throws {
        #expect(try master(map([shard([0, 0], [node(text("::1"), 1)])]), 0) == "::1:1")
    }

    private static let bulk = RedisReply.bulk(Array("x".utf8))
    private static let broken: [RedisReply] = [
        .null, .integer(1), .array([]), .array([bulk]), .array([bulk, bulk]),
        .array([.null, .null]),
        .array([.integer(1), bulk]), .error(RedisServerError(message: "ERR")),
    ]

    @Test func `a reply of another form throws`() throws {
        for shards in Self.broken where shards != .array([]) {
            #expect(throws: RedisError.protocolViolation) {
                try ClusterMap(shards: shards, asked: asked, usesTLS: false)
            }
            #expect(throws: RedisError.protocolViolation) {
                try ClusterMap(slots: shards, asked: asked)
            }
        }
        for part in Self.broken {
            #expect(throws: RedisError.protocolViolation) { try map([part]) }
            #expect(throws: RedisError.protocolViolation) { try map([shard([0, 0], [part])]) }
            #expect(throws: RedisError.protocolViolation) {
                try ClusterMap(slots: .array([part]), asked: asked)
            }
            #expect(throws: RedisError.protocolViolation) {
                let range = RedisReply.array([.integer(0), .integer(1), part])
                return try ClusterMap(slots: .array([range]), asked: asked)
            }
        }
    }

    @Test(
        arguments: [
            [0], [0, 1, 2], [1, 0], [-1, 0], [0, 16_384], [.min, .max], [0, .max],
            [16_384, 16_384],
            [0, 5, 5, 6], [0, 5, 0, 5],
        ] as [[Int64]])
    func `slots out of bounds, or of two masters, throw`(slots: [Int64]) {
        #expect(throws: RedisError.protocolViolation) {
            try map([shard(slots, [node(text("a"), 1)])])
        }
    }

    @Test(arguments: [0, -1, 65_536, .max, .min] as [Int64])
    func `a port out of bounds throws`(port: Int64) {
        #expect(throws: RedisError.protocolViolation) {
            try map([shard([0, 0], [node(text("a"), port)])])
        }
    }

    @Test(arguments: ["a b", "a\r\n", "a/b", "[::1]", "ä", String(repeating: "a", count: 254)])
    func `a host that is none throws`(host: String) {
        #expect(throws: RedisError.protocolViolation) {
            try map([shard([0, 0], [node(text(host), 1)])])
        }
    }

    @Test func `a map has a bound of masters`() {
        let shards = (0...1_000).map { shard([Int64($0), Int64($0)], [node(text("n\($0)"), 1)]) }
        #expect(throws: RedisError.protocolViolation) { try map(shards) }
        #expect(throws: Never.self) { try map(shards.dropLast()) }
    }

    // MARK: - CLUSTER SLOTS

    private func range(_ first: Int64, _ last: Int64, _ nodes: [RedisReply]) -> RedisReply {
        .array([.integer(first), .integer(last)] + nodes)
    }

    private func slotsNode(_ host: RedisReply, _ port: Int64) -> RedisReply {
        .array([host, .integer(port), text("id"), .array([])])
    }

    @Test func `of CLUSTER SLOTS the first node of a range is its master`() throws {
        let map = try ClusterMap(
            slots: .array([
                range(0, 9, [slotsNode(text("a"), 1), slotsNode(text("b"), 2)]),
                range(10, 19, [slotsNode(.null, 3)]), range(20, 29, [slotsNode(text(""), 4)]),
                range(30, 39, [slotsNode(text("?"), 5)]), range(40, 49, []),
                range(50, 59, [slotsNode(text("a"), 1)]),
            ]), asked: asked)
        for (slot, address) in [
            (0, "a:1"), (9, "a:1"), (10, "seed:3"), (20, "seed:4"), (30, nil), (40, nil),
            (50, "a:1"), (60, nil),
        ] {
            #expect(try master(map, slot) == address)
        }
        #expect(map.masters.count == 3)
    }
}
