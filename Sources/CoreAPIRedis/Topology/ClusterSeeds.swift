/// The nodes of a Redis Cluster that a URL names:
///
///     redis-cluster://[user[:password]@]host[:port][,host[:port]…]
///     rediss-cluster://…
///
/// Any of them tells the other nodes. The login is the same for all nodes; a cluster has the
/// database 0 alone.
package struct ClusterSeeds: Hashable, Sendable {
    /// 1 to `countMax` addresses, each once.
    package let addresses: [RedisAddress]
    /// Whether connections to the nodes are encrypted.
    package let usesTLS: Bool

    /// Limit of the nodes of a URL.
    package static let countMax = 16

    init(_ authority: RedisURLAuthority, usesTLS: Bool) throws(RedisURLError) {
        var addresses: [RedisAddress] = []
        for address in try authority.addresses(
            defaultPort: RedisURL.defaultPort, without: .clusterNodes)
        where !addresses.contains(address) { addresses.append(address) }
        guard addresses.count <= ClusterSeeds.countMax else { throw .clusterNodes }
        self.addresses = addresses
        self.usesTLS = usesTLS
    }
}
