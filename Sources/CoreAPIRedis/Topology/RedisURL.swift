internal import CoreAPIBase

/// The place of a Redis server and the login:
///
///     redis://[user[:password]@]host[:port][/db]
///     rediss://[user[:password]@]host[:port][/db]
///     unix://[user[:password]@]/path[?db=N]
///     redis-sentinel://[user[:password]@]host[:port][,host[:port]…][/db]?master=NAME
///     rediss-sentinel://…
///     redis-cluster://[user[:password]@]host[:port][,host[:port]…]
///     rediss-cluster://…
///
/// `RedisSentinels` and `ClusterSeeds` explain the last four. As in redis-py, each form accepts the
/// query parameters `db`, `username` and `password` instead. User, password and path are
/// percent-encoded (RFC 3986 §2.1). `description` omits the passwords, and the user of a URL
/// without a password, so that it can be logged.
package struct RedisURL: Hashable, Sendable, CustomStringConvertible {
    /// Where the server is.
    package let place: RedisPlace
    /// The user of Redis's access control list; nil for the default user.
    package let user: String?
    /// The decoded password; nil without a password.
    package let password: String?
    /// The number of the database, from 0.
    package let database: Int

    /// `6379`.
    package static let defaultPort: UInt16 = 6379
    /// The highest database number. Redis has 16 databases by default.
    package static let databaseMax = Int(Int32.max)

    /// Parses a URL; throws the rule that the text violates.
    package init(_ text: String) throws(RedisURLError) {
        let parts = try RedisURLParts(text)
        var sentinels: RedisSentinelParameters?
        var path = parts.path.dropFirst()
        switch parts.scheme {
        case "redis", "rediss", "redis-cluster", "rediss-cluster": break
        case "unix": path = ""
        case "redis-sentinel", "rediss-sentinel": sentinels = RedisSentinelParameters()
        default: throw .scheme
        }
        var login = RedisURLLogin()
        try login.take(parts.authority)
        if !path.isEmpty { try login.take("db", path) }
        for (name, value) in parts.parameters {
            if try sentinels?.take(name, value) == true { continue }
            do { try login.take(name, value) } catch {
                throw error == .parameter && sentinels != nil ? .sentinelParameter : error
            }
        }
        place = try RedisURL.place(parts, sentinels)
        (user, password, database) = (login.user, login.password, login.database ?? 0)
        guard place.cluster == nil || database == 0 else { throw .clusterDatabase }
    }

    /// The URL of a node of a cluster, with the login of the cluster's URL.
    package func node(at address: RedisAddress) -> RedisURL {
        let (host, port) = (address.host, address.port)
        return RedisURL(
            .server(place.usesTLS ? .tls(host: host, port: port) : .tcp(host: host, port: port)),
            user: user, password: password)
    }

    private init(_ place: RedisPlace, user: String?, password: String?) {
        (self.place, self.user, self.password, database) = (place, user, password, 0)
    }

    private static func place(
        _ parts: RedisURLParts, _ sentinels: RedisSentinelParameters?
    ) throws(RedisURLError) -> RedisPlace {
        if let sentinels {
            let usesTLS = parts.scheme == "rediss-sentinel"
            return .sentinels(
                try RedisSentinels(parts.authority, sentinels, usesTLS: usesTLS))
        }
        if parts.scheme.hasSuffix("-cluster") {
            return .cluster(
                try ClusterSeeds(parts.authority, usesTLS: parts.scheme == "rediss-cluster"))
        }
        if parts.scheme == "unix" {
            // In `unix://run/…` the first folder would be parsed as a host.
            guard parts.authority.isWithoutHost else { throw .socketPath }
            return .server(.unix(path: try socketPath(parts.path)))
        }
        let address = try parts.authority.address()
        return .server(
            parts.scheme == "redis"
                ? .tcp(host: address.host, port: address.port)
                : .tls(host: address.host, port: address.port))
    }

    /// `redis://user@127.0.0.1:6379/0`, never with the password. The user is omitted if the URL has
    /// no password: in `redis://PASSWORD@host`, a common mistake, the user is the password. The
    /// user is also omitted if its name contains the password.
    package var description: String {
        var login = ""
        if let user, let password, !contains(user, password),
            !contains(user, place.sentinels?.password)
        {
            login = "\(user)@"
        }
        return switch place {
        case .server(.tcp(let host, let port)):
            "redis://\(login)\(RedisAddress(host: host, port: port))/\(database)"
        case .server(.tls(let host, let port)):
            "rediss://\(login)\(RedisAddress(host: host, port: port))/\(database)"
        case .server(.unix(let path)): "unix://\(login)\(path)?db=\(database)"
        case .sentinels(let sentinels):
            "\(scheme)://\(login)\(sentinels.addresses.map(\.description).joined(separator: ","))"
                + "/\(database)?master=\(sentinels.master)"
        case .cluster(let seeds):
            "\(scheme)://\(login)\(seeds.addresses.map(\.description).joined(separator: ","))"
        }
    }

    private func contains(_ user: String, _ password: String?) -> Bool {
        password.map { user.firstRange(ofASCII: $0) != nil } ?? false
    }

    /// The scheme that a URL of this place begins with.
    private var scheme: String {
        switch place {
        case .server(.tcp): "redis"
        case .server(.tls): "rediss"
        case .server(.unix): "unix"
        case .sentinels(let sentinels): sentinels.usesTLS ? "rediss-sentinel" : "redis-sentinel"
        case .cluster(let seeds): seeds.usesTLS ? "rediss-cluster" : "redis-cluster"
        }
    }

    /// A warning about a probably wrong login, with the correct form; nil if the login is
    /// plausible.
    package var loginWarning: String? {
        guard user != nil, password == nil else { return nil }
        let rest = if case .server(.unix) = place { "/path" } else { "host" }
        return "the URL has a user name and no password: a password alone stands behind a colon, "
            + "\(scheme)://:PASSWORD@\(rest)"
    }

    private static func socketPath(_ text: Substring) throws(RedisURLError) -> String {
        guard let path = RedisURLParts.decode(text) else { throw .percentEncoding }
        guard path.utf8.count > 1, path.utf8.count <= SocketAddress.unixPathBytesMax,
            !path.utf8.contains(0)
        else { throw .socketPath }
        return path
    }
}

/// The rule that a Redis URL violates. The raw value states the rule without the URL, which may
/// contain a password.
@nonexhaustive public enum RedisURLError: String, Error, Sendable {
    /// The scheme is unknown.
    case scheme = """
        it must begin with redis://, rediss://, unix://, redis-sentinel://, rediss-sentinel://, \
        redis-cluster:// or rediss-cluster://
        """
    /// The host is invalid.
    case host = "its host must be a name, an IPv4 address, or an IPv6 address in brackets"
    /// The port is invalid.
    case port = "its port must be a number from 1 to 65535"
    /// The database, in the path or the parameter `db`, is invalid.
    case database = "its database must be a number, such as /0, or ?db=0 for a socket"
    /// The percent-encoding is invalid (RFC 3986 §2.1).
    case percentEncoding = "its user, password and path must be percent-encoded UTF-8"
    /// The socket's path is missing, relative, or longer than `sun_path` allows.
    case socketPath = """
        behind unix:// the socket's path must follow, with a / before it, of at most 107 bytes
        """
    /// A parameter is unknown or repeated. The known parameters are those of redis-py for the
    /// login.
    case parameter = """
        of parameters it may have db, username and password, and nothing may be given twice
        """
    /// There are no sentinels, too many, or one of them has no host.
    case sentinels = """
        it must name 1 to 16 sentinels, each by a host or host:port, separated by commas
        """
    /// The name of the sentinels' master is missing or invalid.
    case master = """
        it must have ?master=NAME, the name by which the sentinels know the master, of letters, \
        digits, '.', '-' and '_'
        """
    /// A parameter of a URL of sentinels is unknown or repeated.
    case sentinelParameter = """
        of parameters it may have master, sentinel_username, sentinel_password, db, username and \
        password, and nothing may be given twice
        """
    /// There are no nodes of a cluster, too many, or one of them has no host.
    case clusterNodes = """
        it must name 1 to 16 nodes of the cluster, each by a host or host:port, separated by commas
        """
    /// A database other than 0 of a cluster.
    case clusterDatabase = "a Redis Cluster has the database 0 alone"
    /// A queue of python-rq in a cluster.
    case clusterOfJobs = """
        it is of a Redis Cluster, which python-rq does not support: only a stream can be in one
        """
}
