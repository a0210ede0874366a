import ChildProcess
import CoreAPIRedis
import Foundation
import Testing

/// A Redis Cluster: masters that share the slots, each with as many replicas as the others.
final class ClusterGroup: Sendable {
    /// The settings of a cluster.
    struct Options {
        var masters = 3
        /// Of each master.
        var replicas = 1
        /// Of each redis-server.
        var redis: [String] = []
        var kind = RedisServer.Kind.redis
        /// `user:password@` or `:password@` of a user that may do everything, or empty.
        var login = ""
        /// With it, nodes speak TLS to each other and to callers, at ports of their own.
        var certificates: TestCertificates?
    }

    /// A node: a server, its port for callers, that of the cluster's bus, and its id.
    struct Node: Sendable {
        let server: RedisServer
        /// Of TLS, if the cluster has it.
        let port: UInt16
        let busPort: UInt16
        let id: String
    }

    /// The masters at the beginning, then their replicas.
    let nodes: [Node]
    private let options: Options

    /// Runs the body with a cluster whose nodes agree that it is complete, and ends it.
    static func with(
        _ options: Options = Options(), _ body: (ClusterGroup) async throws -> Void
    ) async throws {
        let count = options.masters * (1 + options.replicas)
        try await start(count, [], options) { nodes in
            let group = ClusterGroup(nodes, options)
            try await group.join()
            try await body(group)
        }
    }

    private init(_ nodes: [Node], _ options: Options) {
        self.nodes = nodes
        self.options = options
    }

    /// Starts servers until there are enough, runs the body, and ends them.
    private static func start(
        _ count: Int, _ nodes: [Node], _ options: Options, _ body: ([Node]) async throws -> Void
    ) async throws {
        guard nodes.count < count else { return try await body(nodes) }
        try await withNode(options) { node in
            try await start(count, nodes + [node], options, body)
        }
    }

    /// Runs the body with a node that has joined no cluster, and ends it.
    private static func withNode(
        _ options: Options, _ body: (Node) async throws -> Void
    ) async throws {
        // A shard that is away must not stop the others, and replicas stay with their masters.
        var arguments = [
            "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
            "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0",
        ]
        // Before Redis 7 the bus has a fixed distance.
        var freePort: UInt16?
        if options.kind != .oldest {
            let port = try FreePort.next()
            freePort = port
            arguments += [
                "--cluster-port", "\(port)", "--cluster-allow-replica-migration", "no",
            ]
        }
        var tlsPort: UInt16?
        if let certificates = options.certificates {
            let port = try FreePort.next()
            tlsPort = port
            arguments += certificates.serverArguments(port: port)
            arguments += ["--tls-replication", "yes", "--tls-cluster", "yes"]
        }
        try await RedisServer.with(
            arguments + options.redis, kind: options.kind
        ) { server in
            let busPort = freePort ?? server.port + busDistance
            let reply = try await server.command(
                ["CLUSTER", "MYID"], url: "redis://\(options.login)127.0.0.1:\(server.port)")
            guard case .bulk(let id) = reply else { throw TooLate(what: "\(reply)") }
            try await body(
                Node(
                    server: server, port: tlsPort ?? server.port, busPort: busPort,
                    id: String(decoding: id, as: UTF8.self)))
        }
    }

    private static let busDistance: UInt16 = 10_000

    /// A command to one node alone: a redirection is an error.
    @discardableResult
    func command(_ words: String..., at node: Node) async throws -> RedisReply {
        try await node.server.command(
            words, url: "redis://\(options.login)127.0.0.1:\(node.server.port)")
    }

    /// Gives each node a user of its access list.
    func setUser(_ words: [String]) async throws {
        for node in nodes {
            _ = try await node.server.command(
                ["ACL", "SETUSER"] + words,
                url: "redis://\(options.login)127.0.0.1:\(node.server.port)")
        }
    }

    // MARK: - URLs

    /// The URL that names all nodes.
    var url: String { url(of: nodes) }

    /// - Parameter login: nil for that of the options.
    func url(of nodes: [Node], login: String? = nil) -> String {
        let scheme = options.certificates == nil ? "redis-cluster" : "rediss-cluster"
        let hosts = nodes.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return "\(scheme)://\(login ?? options.login)\(hosts)"
    }

    // MARK: - Joining

    private func join() async throws {
        let masters = nodes.prefix(options.masters)
        for (index, master) in masters.enumerated() {
            let bounds = (index...index + 1).map { HashSlot.count * $0 / masters.count }
            try await command("CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)", at: master)
            _ = try await master.server.command(
                ["CLUSTER", "ADDSLOTS"] + (bounds[0]..<bounds[1]).map(String.init),
                url: "redis://\(options.login)127.0.0.1:\(master.server.port)")
        }
        for node in nodes.dropFirst() { try await introduce(node) }
        try await eventually("the nodes know each other") { try await self.allKnown(self.nodes) }
        for (index, replica) in nodes.dropFirst(masters.count).enumerated() {
            try await command(
                "CLUSTER", "REPLICATE", masters[index % masters.count].id, at: replica)
        }
        try await settle()
    }

    private func introduce(_ node: Node) async throws {
        try await command(
            "CLUSTER", "MEET", "127.0.0.1", "\(node.server.port)", "\(node.busPort)", at: nodes[0])
    }

    /// Waits until all nodes run and agree about roles, slots and who follows whom.
    ///
    /// - Parameter others: nodes that have joined since the beginning.
    func settle(with others: [Node] = []) async throws {
        try await eventually("the nodes of the cluster agree", withinSeconds: 120) {
            (try? await self.agree(self.nodes + others)) ?? false
        }
    }

    private func agree(_ nodes: [Node]) async throws -> Bool {
        guard try await allKnown(nodes) else { return false }
        var views: Set<[String]> = []
        for node in nodes {
            let information = try await text("CLUSTER", "INFO", at: node)
            guard information.contains("cluster_state:ok"),
                information.contains("cluster_slots_ok:\(HashSlot.count)")
            else { return false }
            let lines = try await lines(at: node).map { words in
                (["\(words[0])", words[3]] + words.dropFirst(8)).joined(separator: " ")
            }
            views.insert(lines.sorted())
            let replication = try await text("INFO", "replication", at: node)
            guard !replication.contains("master_link_status:down") else { return false }
        }
        return views.count == 1
    }

    private func allKnown(_ nodes: [Node]) async throws -> Bool {
        let ids = Set(nodes.map(\.id))
        for node in nodes {
            let lines = try await lines(at: node)
            guard Set(lines.map { $0[0] }) == ids,
                lines.allSatisfy({ words in
                    Set(words[2].split(separator: ","))
                        .isDisjoint(with: ["handshake", "noaddr", "fail", "fail?"])
                })
            else { return false }
        }
        return true
    }

    /// The lines of `CLUSTER NODES`, in words.
    private func lines(at node: Node) async throws -> [[String]] {
        try await text("CLUSTER", "NODES", at: node).split(separator: "\n")
            .map { $0.split(separator: " ").map(String.init) }
    }

    private func text(_ words: String..., at node: Node) async throws -> String {
        let reply = try await node.server.command(
            words, url: "redis://\(options.login)127.0.0.1:\(node.server.port)")
        guard case .bulk(let bytes) = reply else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

// MARK: - Roles and faults

extension ClusterGroup {
    static func slot(_ key: String) -> Int { HashSlot(ofKey: key.utf8).number }

    /// The node that says of itself that it is the master of the key's slot.
    func master(of key: String, among others: [Node] = []) async throws -> Node {
        let slot = ClusterGroup.slot(key)
        var master: Node?
        try await eventually("a node has slot \(slot)") {
            for node in self.nodes + others {
                guard let lines = try? await self.lines(at: node),
                    let own = lines.first(where: { $0[0] == node.id }), own[2].contains("master"),
                    own.dropFirst(8).contains(where: { ClusterGroup.has($0, slot) })
                else { continue }
                master = node
                return true
            }
            return false
        }
        return try #require(master)
    }

    /// A master other than the given one.
    func otherMaster(than node: Node) async throws -> Node {
        for other in nodes where other.id != node.id {
            if case .array(let role) = try await command("ROLE", at: other),
                role.first == .bulk(Array("master".utf8))
            {
                return other
            }
        }
        throw TooLate(what: "there is no other master")
    }

    /// The replica that follows the master.
    func replica(of master: Node) async throws -> Node {
        let line = try await lines(at: master).first { $0[3] == master.id }
        let id = try #require(line)[0]
        return try #require(nodes.first { $0.id == id })
    }

    /// A planned failover of the master. Returns the new one, once it has taken over.
    @discardableResult
    func failOver(_ master: Node) async throws -> Node {
        let replica = try await replica(of: master)
        for _ in 0..<5 {
            // A replica gives up after 5 s, without another sign, if nodes are slow to answer it.
            // It refuses while it takes its master for down.
            _ = try? await command("CLUSTER", "FAILOVER", at: replica)
            if (try? await takesOver(replica, withinSeconds: 8)) != nil { return replica }
        }
        throw TooLate(what: "a planned failover")
    }

    /// Waits until the replica has become a master.
    func takesOver(_ replica: Node, withinSeconds: Int = 60) async throws {
        try await eventually("the replica takes over", withinSeconds: withinSeconds) {
            guard case .array(let role) = try await self.command("ROLE", at: replica) else {
                return false
            }
            return role.first == .bulk(Array("master".utf8))
        }
    }

    /// The first half of a slot's move: both nodes know of it, and keys are still at the source.
    func beginMove(ofSlotOf key: String, from source: Node, to target: Node) async throws {
        let slot = "\(ClusterGroup.slot(key))"
        try await command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id, at: target)
        try await command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id, at: source)
    }

    /// Moves the slot's keys.
    ///
    /// - Parameter start: of the keys that move; nil for all.
    func moveKeys(
        ofSlotOf key: String, startingWith start: String? = nil, from source: Node, to target: Node
    ) async throws {
        let slot = "\(ClusterGroup.slot(key))"
        while true {
            let reply = try await command("CLUSTER", "GETKEYSINSLOT", slot, "10000", at: source)
            let names = RedisServer.flatten(reply).filter { $0.hasPrefix(start ?? "") }
            guard !names.isEmpty else { return }
            for name in names {
                try await command(
                    "MIGRATE", "127.0.0.1", "\(target.port)", name, "0", "5000", at: source)
            }
        }
    }

    /// Calls a slot's move off: the keys that the target has return to the source.
    func moveKeysBack(ofSlotOf key: String, _ target: Node, _ source: Node) async throws {
        let slot = "\(ClusterGroup.slot(key))"
        try await command("CLUSTER", "SETSLOT", slot, "STABLE", at: source)
        try await moveKeys(ofSlotOf: key, from: target, to: source)
        try await command("CLUSTER", "SETSLOT", slot, "STABLE", at: target)
    }

    /// Gives the slot to the target, at all masters.
    func endMove(ofSlotOf key: String, from source: Node, to target: Node) async throws {
        let slot = "\(ClusterGroup.slot(key))"
        let others = nodes.filter { $0.id != source.id && $0.id != target.id }
        for node in [target, source] + others {
            // Replicas learn of it from their masters.
            _ = try? await command("CLUSTER", "SETSLOT", slot, "NODE", target.id, at: node)
        }
    }

    /// Moves the key's slot with its keys.
    func moveSlot(of key: String, to target: Node) async throws {
        let source = try await master(of: key, among: [target])
        guard source.id != target.id else { return }
        try await beginMove(ofSlotOf: key, from: source, to: target)
        try await moveKeys(ofSlotOf: key, from: source, to: target)
        try await endMove(ofSlotOf: key, from: source, to: target)
    }

    /// Runs the body with a further master that has no slots yet, and ends it.
    func withFurtherMaster(_ body: (Node) async throws -> Void) async throws {
        try await ClusterGroup.withNode(options) { node in
            try await introduce(node)
            try await settle(with: [node])
            try await body(node)
        }
    }

    /// Whether a word of `CLUSTER NODES`, `5` or `5-8`, has the slot; `[5->-ID]` is one that moves.
    private static func has(_ word: String, _ slot: Int) -> Bool {
        let bounds = word.split(separator: "-").compactMap { Int($0) }
        guard !word.hasPrefix("["), let first = bounds.first, let last = bounds.last else {
            return false
        }
        return first <= slot && slot <= last
    }
}
