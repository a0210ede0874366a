internal import CoreAPIBase

/// Where a Redis server is and how to log in:
///
///     redis://[user[:password]@]host[:port][/db]
///     rediss://[user[:password]@]host[:port][/db]
///     unix://[user[:password]@]/path[?db=N]
///
/// As redis-py has it, each may have the parameters `db`, `username` and `password` instead. User,
/// password and path may hold any character, percent-encoded (RFC 3986 §2.1). Its text as a
/// `description` leaves the password out, and a user without a password, so that it can be logged.
package struct RedisURL: Hashable, Sendable, CustomStringConvertible {
    /// Where it listens.
    package let endpoint: RedisEndpoint
    /// The user of Redis's access list; nil for the default user.
    package let user: String?
    /// Decoded; nil for none.
    package let password: String?
    /// The number of the database, from 0.
    package let database: Int

    /// `6379`.
    package static let defaultPort: UInt16 = 6379
    /// Redis has 16 databases unless told otherwise, and at most this many.
    package static let databaseMax = Int(Int32.max)

    /// Reads the text of a URL; throws what is wrong with it.
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
            // Behind `unix://run/…` the first folder would be a host.
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

    /// `redis://user@127.0.0.1:6379/0`, never with the password. The user is left out if there is
    /// no password, since in `redis://PASSWORD@host`, a usual slip, the user is the password; and
    /// if the user's name has the password in it.
    package var description: String {
        var login = ""
        if let user, let password, user.place(of: password) == nil { login = "\(user)@" }
        return switch endpoint {
        case .tcp(let host, let port):
            "redis://\(login)\(RedisURL.bracketed(host)):\(port)/\(database)"
        case .tls(let host, let port):
            "rediss://\(login)\(RedisURL.bracketed(host)):\(port)/\(database)"
        case .unix(let path): "unix://\(login)\(path)?db=\(database)"
        }
    }

    /// What is suspicious about the login, and what would be right; nil if nothing is.
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

/// What is wrong with a Redis URL; the raw value says what would be right, without the URL, which
/// may hold a password.
@nonexhaustive public enum RedisURLError: String, Error, Sendable {
    /// No other scheme is understood.
    case scheme = "it must begin with redis://, rediss:// or unix://"
    /// It stands before the port.
    case host = "its host must be a name, an IPv4 address, or an IPv6 address in brackets"
    /// It follows the host's colon.
    case port = "its port must be a number from 1 to 65535"
    /// It is the URL's path, or the parameter `db`.
    case database = "its database must be a number, such as /0, or ?db=0 for a socket"
    /// RFC 3986 §2.1.
    case percentEncoding = "its user, password and path must be percent-encoded UTF-8"
    /// The kernel's bound is that of `sun_path`.
    case socketPath = """
        behind unix:// the socket's path must follow, with a / before it, of at most 107 bytes
        """
    /// Those of redis-py that concern the login.
    case parameter = """
        of parameters it may have db, username and password, and nothing may be given twice
        """
}
