extension ClusterMap {
    /// The reply to `CLUSTER SHARDS`: of each shard its slots, and its nodes with role, health,
    /// endpoint and ports.
    ///
    ///     [["slots", [0, 5460, …], "nodes", [["endpoint", "10.0.0.1", "port", 6379, …], …]], …]
    ///
    /// - Parameters:
    ///   - asked: the node that was asked.
    ///   - usesTLS: whether `tls-port` is the port to connect to.
    /// - Throws: `protocolViolation` for any other reply.
    package init(
        shards reply: RedisReply, asked: RedisAddress, usesTLS: Bool
    ) throws(RedisError) {
        self.init()
        guard case .array(let shards) = reply, shards.count <= ClusterMap.shardsMax else {
            throw .protocolViolation
        }
        for shard in shards {
            let fields = try ClusterMap.fields(shard)
            guard case .array(let bounds)? = fields["slots"], bounds.count.isMultiple(of: 2),
                bounds.count <= 2 * HashSlot.count, case .array(let nodes)? = fields["nodes"],
                nodes.count <= ClusterMap.nodesOfShardMax
            else { throw .protocolViolation }
            guard let master = try ClusterMap.master(nodes, asked, usesTLS) else { continue }
            for start in stride(from: 0, to: bounds.count, by: 2) {
                try assign(try ClusterMap.slots(bounds[start], bounds[start + 1]), to: master)
            }
        }
    }

    /// The reply to `CLUSTER SLOTS`: ranges of slots, each with its nodes, of which the master is
    /// the first. The ports are those for the kind of connection that asked.
    ///
    ///     [[0, 5460, ["10.0.0.1", 6379, "ID", …], …], …]
    ///
    /// - Parameter asked: the node that was asked.
    /// - Throws: `protocolViolation` for any other reply.
    package init(slots reply: RedisReply, asked: RedisAddress) throws(RedisError) {
        self.init()
        guard case .array(let ranges) = reply, ranges.count <= HashSlot.count else {
            throw .protocolViolation
        }
        for range in ranges {
            guard case .array(let parts) = range, parts.count >= 2 else {
                throw .protocolViolation
            }
            let slots = try ClusterMap.slots(parts[0], parts[1])
            // Without a node, nobody serves the slots.
            guard parts.count > 2 else { continue }
            guard case .array(let master) = parts[2], master.count >= 2,
                case .integer(let port) = master[1]
            else { throw .protocolViolation }
            let host = try ClusterMap.host(master[0])
            if let address = try RedisAddress.of(host: host, port: port, asked: asked) {
                try assign(slots, to: address)
            }
        }
    }

    private static let shardsMax = HashSlot.count
    private static let nodesOfShardMax = 1_000
    /// Fields of a shard or node that are read: newer versions of Redis have more.
    private static let fieldsMax = 64

    /// Of the nodes of a shard the master, one that is online if there are several; nil without one
    /// whose address is known.
    private static func master(
        _ nodes: [RedisReply], _ asked: RedisAddress, _ usesTLS: Bool
    ) throws(RedisError) -> RedisAddress? {
        var found: (address: RedisAddress, isOnline: Bool)?
        for node in nodes {
            let fields = try fields(node)
            guard case .bulk(let role)? = fields["role"] else { throw .protocolViolation }
            guard role.elementsEqual("master".utf8), found?.isOnline != true else { continue }
            // A node without the kind of port cannot be reached.
            guard let port = fields[usesTLS ? "tls-port" : "port"] else { continue }
            guard case .integer(let port) = port else { throw .protocolViolation }
            let host = try host(fields["endpoint"] ?? .null)
            guard let address = try RedisAddress.of(host: host, port: port, asked: asked) else {
                continue
            }
            found = (address, fields["health"] == .bulk(Array("online".utf8)))
        }
        return found?.address
    }

    /// The bytes of a host; empty for null.
    private static func host(_ reply: RedisReply) throws(RedisError) -> [UInt8] {
        switch reply {
        case .null: return []
        case .bulk(let bytes): return bytes
        default: throw .protocolViolation
        }
    }

    private static func slots(
        _ first: RedisReply, _ last: RedisReply
    ) throws(RedisError) -> ClosedRange<Int> {
        guard case .integer(let first) = first, case .integer(let last) = last, 0 <= first,
            first <= last, last < Int64(HashSlot.count)
        else { throw .protocolViolation }
        return Int(first)...Int(last)
    }

    /// Names and values in turns, by name.
    private static func fields(_ reply: RedisReply) throws(RedisError) -> [String: RedisReply] {
        guard case .array(let parts) = reply, parts.count.isMultiple(of: 2),
            parts.count <= 2 * fieldsMax
        else { throw .protocolViolation }
        var fields: [String: RedisReply] = [:]
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard case .bulk(let name) = parts[index] else { throw .protocolViolation }
            fields[String(decoding: name, as: UTF8.self)] = parts[index + 1]
        }
        return fields
    }
}
