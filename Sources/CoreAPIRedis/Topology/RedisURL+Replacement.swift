/// Why a URL cannot take the place of the one in use while the server runs. The raw value states
/// the rule.
package enum RedisURLReplacementError: String, Error {
    /// Another scheme, or other sentinels' master.
    case kind = """
        its scheme, and the name of the sentinels' master, can only change with a restart
        """
    /// A server at another place may be another Redis, which would get what the old one has
    /// confirmed, so that it would be processed twice.
    case place = """
        it names another host, port or socket, which may be another Redis: that can only change \
        with a restart
        """
    /// Sentinels or nodes of another cluster.
    case addresses = """
        it has no sentinel or node in common with the URL in use, and may be of another Redis: \
        that can only change with a restart
        """
    /// Another database.
    case database = "it has another database: that can only change with a restart"
}

extension RedisURL {
    /// Throws unless this is the same Redis as that of the URL in use, as far as URLs tell: the
    /// user, the passwords, and some of the sentinels or of a cluster's nodes may differ.
    package func checkReplaces(_ other: RedisURL) throws(RedisURLReplacementError) {
        switch (place, other.place) {
        case (.server(let own), .server(let old)):
            guard own.kind == old.kind else { throw .kind }
            guard own == old else { throw .place }
        case (.sentinels(let own), .sentinels(let old)):
            guard own.usesTLS == old.usesTLS, own.master == old.master else { throw .kind }
            guard !Set(own.addresses).isDisjoint(with: old.addresses) else { throw .addresses }
        case (.cluster(let own), .cluster(let old)):
            guard own.usesTLS == old.usesTLS else { throw .kind }
            guard !Set(own.addresses).isDisjoint(with: old.addresses) else { throw .addresses }
        case (.server, _), (.sentinels, _), (.cluster, _): throw .kind
        }
        guard database == other.database else { throw .database }
    }
}

extension RedisEndpoint {
    /// The number of the scheme.
    fileprivate var kind: Int {
        switch self {
        case .tcp: 0
        case .tls: 1
        case .unix: 2
        }
    }
}
