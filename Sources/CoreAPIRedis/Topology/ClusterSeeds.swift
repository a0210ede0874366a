/// The nodes of a Redis Cluster that a URL names:
///
///     redis-cluster://[user[:password]@]host[:port][,host[:port]…]
///     rediss-cluster://…
///
/// Any of them tells the other nodes. The login is the same for all nodes; a cluster has the
/// database 0 alone.
package struct ClusterSeeds: Hashable, Sendable {
    /// 1 to `RedisURLAuthority.addressesMax` addresses, each once.
    package let addresses: [RedisAddress]
    /// Whether connections to the nodes are encrypted.
    package let usesTLS: Bool

    init(_ authority: RedisURLAuthority, usesTLS: Bool) throws(RedisURLError) {
        addresses = try authority.addresses(
            defaultPort: RedisURL.defaultPort, otherwise: .clusterNodes)
        self.usesTLS = usesTLS
    }
}
