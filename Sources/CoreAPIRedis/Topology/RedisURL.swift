internal import CoreAPIBase

/// The address of a Redis server and the login:
///
///     redis://[user[:password]@]host[:port][/db]
///     rediss://[user[:password]@]host[:port][/db]
///     unix://[user[:password]@]/path[?db=N]
///
/// As in redis-py, each form accepts the query parameters `db`, `username` and `password` instead.
/// User, password and path are percent-encoded (RFC 3986 §2.1). `description` omits the password,
/// and the user of a URL without a password, so that it can be logged.
package struct RedisURL: Hashable, Sendable, CustomStringConvertible {
    /// The address that the server listens on.
    package let endpoint: RedisEndpoint
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
        let address = parts.authority
        let path: Substring
        switch parts.scheme {
        case "redis", "rediss":
            let (host, port) = try address.hostAndPort()
            endpoint =
                parts.scheme == "redis"
                ? .tcp(host: host, port: port) : .tls(host: host, port: port)
            path = parts.path.dropFirst()
        case "unix":
            // In `unix://run/…` the first folder would be parsed as a host.
            guard address.isWithoutHost else { throw .socketPath }
            endpoint = .unix(path: try RedisURL.socketPath(parts.path))
            path = ""
        default: throw .scheme
        }
        var login = RedisURLLogin()
        try login.take(address)
        if !path.isEmpty { try login.take("db", path) }
        for (name, value) in parts.parameters { try login.take(name, value) }
        (user, password, database) = (login.user, login.password, login.database ?? 0)
    }

    /// `redis://user@127.0.0.1:6379/0`, never with the password. The user is omitted if the URL has
    /// no password: in `redis://PASSWORD@host`, a common mistake, the user is the password. The
    /// user is also omitted if its name contains the password.
    package var description: String {
        var login = ""
        if let user, let password, user.firstRange(ofASCII: password) == nil { login = "\(user)@" }
        return switch endpoint {
        case .tcp(let host, let port):
            "redis://\(login)\(RedisURL.bracketed(host)):\(port)/\(database)"
        case .tls(let host, let port):
            "rediss://\(login)\(RedisURL.bracketed(host)):\(port)/\(database)"
        case .unix(let path): "unix://\(login)\(path)?db=\(database)"
        }
    }

    /// A warning about a probably wrong login, with the correct form; nil if the login is
    /// plausible.
    package var loginWarning: String? {
        guard user != nil, password == nil else { return nil }
        let form =
            switch endpoint {
            case .tcp: "redis://:PASSWORD@host"
            case .tls: "rediss://:PASSWORD@host"
            case .unix: "unix://:PASSWORD@/path"
            }
        return "the URL has a user name and no password: a password alone stands behind a colon, "
            + "\(form)"
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
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
    case scheme = "it must begin with redis://, rediss:// or unix://"
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
}
