internal import CoreAPIBase

/// The parts of a URL (RFC 3986 §3), still percent-encoded.
struct RedisURLParts {
    let scheme: Substring
    let authority: RedisURLAuthority
    /// The path, with its leading slash, or empty.
    let path: Substring
    let parameters: [(name: Substring, value: Substring)]

    init(_ text: String) throws(RedisURLError) {
        guard let separator = text.firstRange(ofASCII: "://") else { throw .scheme }
        scheme = text[..<separator.lowerBound]
        let rest = text[separator.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        authority = RedisURLAuthority(rest[..<authorityEnd])
        let tail = rest[authorityEnd...]
        let query = tail.firstIndex(of: "?") ?? tail.endIndex
        path = tail[..<query]
        // Such a URL has an unencoded password that a `/` or `#` cuts off.
        if tail.contains("#") || (scheme != "unix" && path.contains("@")) {
            throw .percentEncoding
        }
        parameters = tail[query...].dropFirst().split(separator: "&").map { parameter in
            let parts = parameter.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // A plus sign means a space, as in forms and in redis-py.
            let value = (parts.count == 2 ? parts[1] : "").map { $0 == "+" ? " " : $0 }
            return (parts[0], Substring(String(value)))
        }
    }

    /// The percent-decoded text; nil if it is malformed or not UTF-8.
    static func decode(_ text: Substring) -> String? {
        PercentEncoding.decode(text).flatMap { String(validating: $0, as: UTF8.self) }
    }
}

/// `[user[:password]@][host[:port]]`, percent-encoded.
struct RedisURLAuthority {
    /// Nil without an `@`.
    let user: Substring?
    /// Nil without an `@`, or without a colon before it.
    let password: Substring?
    private let hosts: Substring

    /// Longest host name (RFC 1035 §2.3.4).
    static let hostBytesMax = 253

    init(_ text: Substring) {
        guard let at = text.lastIndex(of: "@") else {
            (user, password, hosts) = (nil, nil, text)
            return
        }
        let parts = text[..<at].split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        user = parts[0]
        password = parts.count == 2 ? parts[1] : nil
        hosts = text[text.index(after: at)...]
    }

    var isWithoutHost: Bool { hosts.isEmpty }

    /// The only address. An empty host is `127.0.0.1`.
    func address() throws(RedisURLError) -> RedisAddress {
        try RedisURLAuthority.address(hosts, defaultPort: RedisURL.defaultPort)
    }

    /// Limit of the addresses of a URL.
    static let addressesMax = 16

    /// One to `addressesMax` addresses, separated by commas, each with a host; each is returned
    /// once.
    ///
    /// - Parameter error: of an address without a host, and of too many.
    func addresses(
        defaultPort: UInt16, otherwise error: RedisURLError
    ) throws(RedisURLError) -> [RedisAddress] {
        var addresses: [RedisAddress] = []
        for text in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            guard let first = text.first, first != ":" else { throw error }
            let address = try RedisURLAuthority.address(text, defaultPort: defaultPort)
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard addresses.count <= RedisURLAuthority.addressesMax else { throw error }
        return addresses
    }

    private static func address(
        _ text: Substring, defaultPort: UInt16
    ) throws(RedisURLError) -> RedisAddress {
        var rest = text
        let port = try takePort(&rest, defaultPort: defaultPort)
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        let host = rest.isEmpty ? "127.0.0.1" : String(rest)
        guard isHost(host) else { throw .host }
        return RedisAddress(host: host, port: port)
    }

    /// Whether the text may be a host: a name, an IPv4 address, or an IPv6 address without
    /// brackets. It need not have an address.
    static func isHost(_ text: String) -> Bool {
        1...hostBytesMax ~= text.utf8.count && text.utf8.allSatisfy(isHostByte)
    }

    private static func takePort(
        _ rest: inout Substring, defaultPort: UInt16
    ) throws(RedisURLError) -> UInt16 {
        guard let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") else {
            return defaultPort
        }
        let bytes = Array(rest[rest.index(after: colon)...].utf8)
        rest = rest[..<colon]
        // An IPv6 address must be in brackets.
        guard rest.hasPrefix("[") || !rest.contains(":") else { throw .host }
        guard let port = Digits.integer(0..<bytes.count, of: bytes.span), 1...65_535 ~= port
        else { throw .port }
        return UInt16(port)
    }

    static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
