/// Where the Redis of a URL is.
package enum RedisPlace: Hashable, Sendable {
    /// One server.
    case server(RedisEndpoint)
    /// The master that sentinels know by its name.
    case sentinels(RedisSentinels)
    /// The nodes of a cluster.
    case cluster(ClusterSeeds)

    /// Whether connections are encrypted.
    package var usesTLS: Bool {
        switch self {
        case .server(let endpoint): endpoint.usesTLS
        case .sentinels(let sentinels): sentinels.usesTLS
        case .cluster(let seeds): seeds.usesTLS
        }
    }

    /// The sentinels; nil without.
    package var sentinels: RedisSentinels? {
        if case .sentinels(let sentinels) = self { sentinels } else { nil }
    }

    /// The nodes of a cluster that the URL names; nil without.
    package var cluster: ClusterSeeds? {
        if case .cluster(let seeds) = self { seeds } else { nil }
    }
}
