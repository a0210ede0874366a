internal import CoreAPIBase

/// The parts of a URL's text, as RFC 3986 §3 divides it; still percent-encoded.
struct RedisURLParts {
    let scheme: Substring
    let authority: RedisURLAuthority
    /// Empty, or with the slash that it begins with.
    let path: Substring
    let parameters: [(name: Substring, value: Substring)]

    init(_ text: String) throws(RedisURLError) {
        guard let separator = text.place(of: "://") else { throw .scheme }
        scheme = text[..<separator.lowerBound]
        let rest = text[separator.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        authority = RedisURLAuthority(rest[..<authorityEnd])
        let tail = rest[authorityEnd...]
        let query = tail.firstIndex(of: "?") ?? tail.endIndex
        path = tail[..<query]
        // A password that was not encoded, and is cut off by what ends the authority.
        if tail.contains("#") || (scheme != "unix" && path.contains("@")) {
            throw .percentEncoding
        }
        parameters = tail[query...].dropFirst().split(separator: "&").map { parameter in
            let parts = parameter.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // A plus is a space there, as in forms: redis-py reads it so.
            let value = (parts.count == 2 ? parts[1] : "").map { $0 == "+" ? " " : $0 }
            return (parts[0], Substring(String(value)))
        }
    }

    /// The text without its percent-encoding; nil if that is not UTF-8.
    static func decode(_ text: Substring) -> String? {
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

/// `[user[:password]@][host[:port]]`, percent-encoded.
struct RedisURLAuthority {
    /// Nil without an `@`.
    let user: Substring?
    /// Nil without an `@`, or without a colon before it.
    let password: Substring?
    private let address: Substring

    /// How long a name may be (RFC 1035 §2.3.4).
    private static let hostBytesMax = 253

    init(_ text: Substring) {
        guard let at = text.lastIndex(of: "@") else {
            (user, password, address) = (nil, nil, text)
            return
        }
        let parts = text[..<at].split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        user = parts[0]
        password = parts.count == 2 ? parts[1] : nil
        address = text[text.index(after: at)...]
    }

    var isWithoutHost: Bool { address.isEmpty }

    func hostAndPort() throws(RedisURLError) -> (host: String, port: UInt16) {
        var rest = address
        let port = try RedisURLAuthority.takePort(&rest)
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        let host = rest.isEmpty ? "127.0.0.1" : String(rest)
        guard host.utf8.count <= RedisURLAuthority.hostBytesMax,
            host.utf8.allSatisfy(RedisURLAuthority.isHostByte)
        else { throw .host }
        return (host, port)
    }

    private static func takePort(_ rest: inout Substring) throws(RedisURLError) -> UInt16 {
        guard let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") else {
            return RedisURL.defaultPort
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
}
