@testable import CoreAPIBase
@testable import CoreAPIRedis

/// A model of a Redis Cluster: three masters with a replica each, and a slot for each partition.
struct SimulatedCluster {
    /// A node, with what it has of each partition.
    final class Node {
        let address: RedisAddress
        /// `master_replid`.
        var run: String
        var isMaster: Bool
        var isUp = true
        var frozenUntil = VirtualTime.start
        /// Until when it does not know that its replica has taken over.
        var isMistakenUntil = VirtualTime.start
        var login = SimulatedLogin()
        var data: [ProducerSimulationNode] = []
        /// How many of each partition's steps have come with its slot: `MIGRATE` moves a key as a
        /// whole, so a replica that has the keys lacks none of these.
        var arrived: [Int] = []

        init(_ number: Int, isMaster: Bool) {
            address = RedisAddress(host: "h", port: UInt16(7_000 + number))
            run = "run \(number)"
            self.isMaster = isMaster
        }
    }

    /// A slot moves: each key that there is lies at one of both.
    struct Migration {
        let source: Node
        let target: Node
        /// The keys at the target.
        var moved: Set<String> = []
        /// Before Redis 7 the source answers `ASK` even if it has some of a command's keys.
        let isOld: Bool
    }

    /// Masters and their replicas in turns.
    let nodes: [Node]
    /// The index of the shard by partition.
    var shards: [Int]
    var migrations: [Int: Migration] = [:]
    /// By the masters of the partitions: a map is dear to make.
    private var maps: [[RedisAddress]: ClusterMap] = [:]

    init(
        partitionCount: Int, _ breakage: ClusterBreakage?, _ random: inout SimulationRandom
    ) {
        nodes = (0..<6).map { Node($0, isMaster: $0.isMultiple(of: 2)) }
        shards = (0..<partitionCount).map { $0 % 3 }
        let offset = 1_700_000_000_000 + random.integer(-2_000...2_000)
        for node in nodes {
            node.arrived = [Int](repeating: 0, count: partitionCount)
            node.data = (0..<partitionCount).map { partition in
                let data = ProducerSimulationNode(
                    name: "\(node.address.port)/\(partition)", process: 0,
                    breakage: breakage?.ofNodes)
                data.clockOffset = offset
                return data
            }
        }
    }

    func node(at address: RedisAddress) -> Node { nodes[Int(address.port) - 7_000] }

    /// The nodes of a shard: the master first.
    func shard(_ number: Int) -> [Node] {
        nodes[(2 * number)...(2 * number + 1)].sorted { $0.isMaster && !$1.isMaster }
    }

    func owner(of partition: Int) -> Node { shard(shards[partition])[0] }

    /// The map that the nodes have.
    mutating func map(_ slots: [HashSlot]) -> ClusterMap {
        let owners = slots.indices.map { owner(of: $0).address }
        if let map = maps[owners] { return map }
        var map = ClusterMap()
        let sorted = slots.indices.sorted { slots[$0] < slots[$1] }
        var first = 0
        for (place, partition) in sorted.enumerated() {
            // The slots up to the next partition's have its master.
            let isLast = place == sorted.count - 1
            let end = isLast ? HashSlot.count - 1 : slots[sorted[place + 1]].number - 1
            try? map.assign(first...end, to: owner(of: partition).address)
            first = end + 1
        }
        maps[owners] = map
        return map
    }
}

extension ClusterSimulation {
    // MARK: - Commands

    func execute(
        _ words: [String], at node: SimulatedCluster.Node, isAsking: Bool
    ) -> RedisReply {
        let session = words[3]
        guard let partition = Int(session.dropLast().suffix(1)), let keyCount = Int(words[2])
        else { return .null }
        let owner = cluster.owner(of: partition)
        let shard = cluster.shard(cluster.shards[partition])
        let isMistaken = now < node.isMistakenUntil && shard.contains { $0 === node }
        guard node.isMaster || isMistaken else { return moved(to: owner, partition) }
        if elapsed < Self.faultsEnd, random.chance(1) { return error("CLUSTERDOWN is down") }
        var data = node.data[partition]
        if let migration = cluster.migrations[partition] {
            // There is one state of both nodes, and where each key lies.
            data = migration.source.data[partition]
            let keys = words[3..<(3 + keyCount)]
            if let redirection = redirection(
                Array(keys), at: node, migration, data, isAsking, partition,
                isOpen: words[1] == ProducerScripts.open.digest)
            {
                return redirection
            }
        } else if node !== owner, !isMistaken {
            return moved(to: owner, partition)
        }
        data.run = node.run
        return execute(words, keyCount, data)
    }

    private func moved(to owner: SimulatedCluster.Node, _ partition: Int) -> RedisReply {
        error("MOVED \(slots[partition].number) h:\(owner.address.port)")
    }

    private func error(_ message: String) -> RedisReply {
        .error(RedisServerError(message: message))
    }

    /// As `getNodeByQuery` of Redis decides; nil if the node executes the command.
    private func redirection(
        _ keys: [String], at node: SimulatedCluster.Node,
        _ migration: SimulatedCluster.Migration, _ data: ProducerSimulationNode,
        _ isAsking: Bool, _ partition: Int, isOpen: Bool
    ) -> RedisReply? {
        let isThere = keys.map { key in
            exists(key, data) && migration.moved.contains(key) == (node === migration.target)
        }
        if node === migration.source {
            if isThere.allSatisfy({ $0 }) { return nil }
            if isThere.contains(true), !migration.isOld { return error("TRYAGAIN some are here") }
            return error("ASK \(slots[partition].number) h:\(migration.target.address.port)")
        }
        guard node === migration.target, isAsking else {
            return moved(to: migration.source, partition)
        }
        if keys.count > 1, isThere.contains(false) { return error("TRYAGAIN some are there") }
        if isThere == [false], exists(keys[0], data) { return openedTwice(keys[0], isOpen) }
        // What is made here is here.
        cluster.migrations[partition]?.moved.formUnion(keys)
        return nil
    }

    /// The target is asked for a session that is still at the source.
    private func openedTwice(_ key: String, _ isOpen: Bool) -> RedisReply {
        // The slot could not be moved any more: the key would be at both nodes.
        if !isOpen { violate("\(key) is made at the target while the source has it") }
        let milliseconds = now.wholeMilliseconds
        return .array([
            .integer(-1), .integer(Int64(milliseconds / 1_000)), .integer(0), .bulk([]),
        ])
    }

    private func exists(_ key: String, _ data: ProducerSimulationNode) -> Bool {
        if key.hasPrefix("session") { return data.sessions[key] != nil }
        if key.hasPrefix("{") { return !data.log.isEmpty }
        return data.records[key] != nil
    }

    private func execute(
        _ words: [String], _ keyCount: Int, _ data: ProducerSimulationNode
    ) -> RedisReply {
        if words[1] == ProducerScripts.open.digest { return data.open(words[3], now, login: 0) }
        if words[1] == ProducerScripts.fence.digest {
            guard let number = Int(words[4]), let fence = Int(words[5]) else { return .null }
            return data.fence(words[3], from: number, to: fence)
        }
        guard let before = Int(words[3 + keyCount]), let deadline = Int(words[5 + keyCount])
        else { return .null }
        var keys = words[5..<(3 + keyCount)]
        let rest = words[(7 + keyCount)...]
        let messages = stride(from: rest.startIndex, to: rest.endIndex, by: 2).map { index in
            ProducerSimulationNode.Message(
                id: rest[index], key: rest[index + 1] == "keyed" ? keys.popFirst() : nil)
        }
        return data.batch(
            words[3], first: before + 1, deadline: deadline, messages, stopAt: 0, now)
    }

    // MARK: - Faults

    func addFaults() {
        for _ in 0..<random.integer(1...6) {
            let time = random.integer(0...Self.faultsEnd - 12_000)
            let fault = random.integer(0...9)
            after(time) { [unowned self] in
                switch fault {
                case 0...3: beginMigration()
                case 4...6: failOver()
                case 7: freeze()
                default: cut()
                }
            }
        }
    }

    private func cut() {
        let open = links.values.filter(\.isConnected)
        guard let link = open.min(by: { $0.address.port < $1.address.port }) else { return }
        lose(link, .connectionLost)
    }

    private func freeze() {
        let node = cluster.shard(random.integer(0...2))[0]
        node.frozenUntil = now.advanced(byMilliseconds: random.integer(100...7_000))
        tell("\(node.address.port) is frozen")
    }

    /// The replica takes over, with what it has; the master is killed, or is frozen and takes
    /// itself for the master for a while.
    private func failOver() {
        let number = random.integer(0...2)
        // What a failover makes of a slot that moves is for the operator to mend.
        guard !cluster.migrations.keys.contains(where: { cluster.shards[$0] == number }),
            !cluster.migrations.values.contains(where: { migration in
                cluster.shard(number).contains { $0 === migration.target }
            })
        else { return }
        let (master, replica) = (cluster.shard(number)[0], cluster.shard(number)[1])
        guard replica.isUp, replica.frozenUntil <= now, replica.isMistakenUntil <= now else {
            return
        }
        for partition in cluster.shards.indices where cluster.shards[partition] == number {
            let steps = master.data[partition].steps
            let arrived = master.arrived[partition]
            let kept = random.integer(max(arrived, steps.count - 4)...steps.count)
            replica.data[partition].replace(with: steps.prefix(kept))
            replica.arrived[partition] = arrived
        }
        (master.isMaster, replica.isMaster) = (false, true)
        replica.run = "run of \(elapsed)"
        tell("\(replica.address.port) takes over from \(master.address.port)")
        let pause = random.integer(100...4_000)
        if random.chance(50) {
            master.isUp = false
            master.login.forgetScripts()
            if let link = links[master.address], link.isConnected { lose(link, .connectionLost) }
            after(pause) { master.isUp = true }
        } else {
            master.frozenUntil = now.advanced(byMilliseconds: random.integer(0...pause))
            master.isMistakenUntil = now.advanced(byMilliseconds: pause)
        }
    }

    private func beginMigration() {
        let partition = random.integer(0...Self.partitionCount - 1)
        let source = cluster.owner(of: partition)
        let other = (cluster.shards[partition] + random.integer(1...2)) % 3
        let target = cluster.shard(other)[0]
        guard cluster.migrations[partition] == nil, source.isMistakenUntil <= now else { return }
        tell("the slot of \(partition) moves to \(target.address.port)")
        cluster.migrations[partition] = .init(
            source: source, target: target, isOld: random.chance(50))
        moveKeys(partition, keys: nil, to: other)
    }

    /// Moves one key after the other, in any order, for up to ten seconds.
    private func moveKeys(_ partition: Int, keys: [String]?, to shard: Int) {
        guard let migration = cluster.migrations[partition] else { return }
        let data = migration.source.data[partition]
        var left = keys ?? []
        if keys == nil {
            left = data.sessions.keys.sorted() + ["{s:\(partition)}"] + data.records.keys.sorted()
            for index in left.indices.reversed() {
                left.swapAt(index, random.integer(0...index))
            }
        }
        after(random.integer(0...12_000 / max(1, left.count) / 2 + 1)) { [unowned self] in
            guard let key = left.popLast() else { return endMigration(partition, to: shard) }
            cluster.migrations[partition]?.moved.insert(key)
            moveKeys(partition, keys: left, to: shard)
        }
    }

    private func endMigration(_ partition: Int, to shard: Int) {
        guard let migration = cluster.migrations.removeValue(forKey: partition) else { return }
        let steps = migration.source.data[partition].steps
        migration.target.data[partition].replace(with: steps)
        migration.target.arrived[partition] = steps.count
        cluster.shards[partition] = shard
        tell("the slot of \(partition) has moved to \(migration.target.address.port)")
    }
}
