package import CoreAPIBase

/// A Redis, and what a connection logs in with: a change of the configuration replaces it while
/// connections are open.
package struct RedisTarget: Sendable {
    package let url: RedisURL
    /// The TLS context; nil for a URL without TLS.
    package let tls: TLSContext?

    package init(url: RedisURL, tls: TLSContext?) {
        self.url = url
        self.tls = tls
    }

    /// A node of the cluster.
    func node(at address: RedisAddress) -> RedisTarget {
        RedisTarget(url: url.node(at: address), tls: tls)
    }
}
