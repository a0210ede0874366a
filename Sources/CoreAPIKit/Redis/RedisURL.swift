/// Where a Redis server is and how to log in: `redis://[user[:password]@]host[:port][/db]`.
///
/// User and password may hold any character, percent-encoded (RFC 3986 §2.1). Its text as a
/// `description` leaves the password out, so that it can be logged.
public struct RedisURL: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16
    /// The user of Redis's access list; nil for the default user.
    public let user: String?
    public let password: String?
    /// The number of the database, from 0.
    public let database: Int

    /// `6379`.
    public static let defaultPort: UInt16 = 6379
    /// Redis has 16 databases unless told otherwise, and at most this many.
    public static let databaseMax = Int(Int32.max)

    public init(_ text: String) throws(RedisURLError) {
        let scheme = "redis://"
        guard text.hasPrefix(scheme) else { throw .scheme }
        var rest = text.dropFirst(scheme.count)
        (user, password) = try RedisURL.takeCredentials(&rest)
        database = try RedisURL.takeDatabase(&rest)
        port = try RedisURL.takePort(&rest)
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        host = rest.isEmpty ? "127.0.0.1" : String(rest)
        guard host.utf8.allSatisfy(RedisURL.isHostByte) else { throw .host }
    }

    /// `redis://user@127.0.0.1:6379/0`, never with the password.
    public var description: String {
        let login = user.map { "\($0)@" } ?? ""
        let address = host.contains(":") ? "[\(host)]" : host
        return "redis://\(login)\(address):\(port)/\(database)"
    }

    // MARK: - Parts

    private static func takeCredentials(
        _ rest: inout Substring
    ) throws(RedisURLError) -> (user: String?, password: String?) {
        guard let at = rest.lastIndex(of: "@") else { return (nil, nil) }
        let login = rest[..<at]
        rest = rest[rest.index(after: at)...]
        let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = decode(parts[0]), let password = decode(parts.count == 2 ? parts[1] : "")
        else { throw .percentEncoding }
        return (user.isEmpty ? nil : user, password.isEmpty ? nil : password)
    }

    private static func takeDatabase(_ rest: inout Substring) throws(RedisURLError) -> Int {
        guard let slash = rest.firstIndex(of: "/") else { return 0 }
        let digits = rest[rest.index(after: slash)...]
        rest = rest[..<slash]
        if digits.isEmpty { return 0 }
        let bytes = Array(digits.utf8)
        guard let database = Digits.integer(0..<bytes.count, of: bytes.span),
            database <= databaseMax
        else { throw .database }
        return database
    }

    private static func takePort(_ rest: inout Substring) throws(RedisURLError) -> UInt16 {
        guard let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") else {
            return defaultPort
        }
        let bytes = Array(rest[rest.index(after: colon)...].utf8)
        rest = rest[..<colon]
        // An address of IPv6 stands in brackets.
        guard rest.hasPrefix("[") || !rest.contains(":") else { throw .host }
        guard let port = Digits.integer(0..<bytes.count, of: bytes.span), 1...65_535 ~= port
        else { throw .port }
        return UInt16(port)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    private static func decode(_ text: Substring) -> String? {
        var decoded: [UInt8] = []
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(ASCII.hexadecimalValue),
                let low = bytes.next().flatMap(ASCII.hexadecimalValue)
            else { return nil }
            decoded.append(high << 4 | low)
        }
        return String(validating: decoded, as: UTF8.self)
    }
}

/// What is wrong with a Redis URL; the raw value says what would be right, without the URL, which
/// may hold a password.
public enum RedisURLError: String, Error, Sendable {
    case scheme = "it must begin with redis://"
    case host = "its host must be a name, an IPv4 address, or an IPv6 address in brackets"
    case port = "its port must be a number from 1 to 65535"
    case database = "its path must be the number of a database, such as /0"
    case percentEncoding = "its user and password must be percent-encoded UTF-8"
}
