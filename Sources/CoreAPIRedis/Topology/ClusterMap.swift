/// Which master of a Redis Cluster serves which hash slot, as one node has told it.
///
/// It is read from the reply to `CLUSTER SHARDS` (Redis 7) or `CLUSTER SLOTS`. A slot has no master
/// while a failover is under way, or if the node does not know the master's address.
package struct ClusterMap: Equatable, Sendable {
    /// The masters that serve slots, each once, in the order of the reply.
    package private(set) var masters: [RedisAddress] = []
    /// The index in `masters` of each slot's master; `unassigned` without one.
    private var owners = [UInt16](repeating: ClusterMap.unassigned, count: HashSlot.count)

    private static let unassigned = UInt16.max
    /// The cluster specification recommends at most 1,000 nodes.
    private static let mastersMax = 1_000

    /// A map without masters.
    package init() {}

    /// The master of the slot; nil if it is not known.
    package subscript(slot: HashSlot) -> RedisAddress? {
        let owner = owners[slot.number]
        return owner == ClusterMap.unassigned ? nil : masters[Int(owner)]
    }

    /// Whether each slot has the same master: nodes name masters in different orders.
    package static func == (left: ClusterMap, right: ClusterMap) -> Bool {
        if left.masters == right.masters { return left.owners == right.owners }
        guard left.masters.count == right.masters.count else { return false }
        var indices: [UInt16] = []
        for master in left.masters {
            guard let index = right.masters.firstIndex(of: master) else { return false }
            indices.append(UInt16(index))
        }
        return zip(left.owners, right.owners).allSatisfy { left, right in
            left == unassigned ? right == unassigned : indices[Int(left)] == right
        }
    }

    /// Whether every slot has a master.
    package var isComplete: Bool { !owners.contains(ClusterMap.unassigned) }

    /// Gives the slots to the master.
    ///
    /// - Throws: `protocolViolation` if one of them has a master already, since a node knows one,
    ///   or for more than `mastersMax` masters.
    mutating func assign(
        _ slots: ClosedRange<Int>, to master: RedisAddress
    ) throws(RedisError) {
        guard slots.lowerBound >= 0, slots.upperBound < HashSlot.count,
            owners[slots].allSatisfy({ $0 == ClusterMap.unassigned })
        else { throw .protocolViolation }
        let index = masters.firstIndex(of: master) ?? masters.count
        guard index < ClusterMap.mastersMax else { throw .protocolViolation }
        if index == masters.count { masters.append(master) }
        for slot in slots { owners[slot] = UInt16(index) }
    }
}

extension RedisAddress {
    /// An address in a reply of a cluster's node.
    ///
    /// - Parameters:
    ///   - host: empty for the host of the node that was asked; `?` if that node does not know.
    ///   - asked: the node that was asked.
    /// - Returns: nil if the host is not known.
    /// - Throws: `protocolViolation` for what is neither a host nor a port.
    static func of(
        host: some Collection<UInt8>, port: Int64, asked: RedisAddress
    ) throws(RedisError) -> RedisAddress? {
        guard 1...65_535 ~= port else { throw .protocolViolation }
        let port = UInt16(port)
        if host.isEmpty { return RedisAddress(host: asked.host, port: port) }
        if host.elementsEqual("?".utf8) { return nil }
        guard host.count <= RedisURLAuthority.hostBytesMax,
            host.allSatisfy(RedisURLAuthority.isHostByte)
        else { throw .protocolViolation }
        return RedisAddress(host: String(decoding: Array(host), as: UTF8.self), port: port)
    }
}
