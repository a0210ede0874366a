internal import CoreAPIBase

/// The URL of a resource that the client asks for (RFC 9110 §4.2):
///
///     https://host[:port][/path][?query]
///     http://127.0.0.1[:port]…, http://[::1][:port]…, http://localhost[:port]…
///
/// Clear text is for this machine alone, unless its user allows it. User information and fragments
/// are refused. Variables of the environment that name a proxy are not honoured: the client
/// connects to this host itself.
package struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    package let usesTLS: Bool
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    package let host: String
    package let port: UInt16
    /// The request target in origin form (RFC 9112 §3.2.1): the path and the query.
    package let target: String

    /// The longest URL, in bytes.
    static let bytesMax = 8_000
    /// The longest host name (RFC 1035 §2.3.4).
    private static let hostBytesMax = 253

    /// Parses a URL; throws the rule that the text violates.
    ///
    /// - Parameter allowsClearText: whether `http://` may name another machine.
    package init(_ text: String, allowsClearText: Bool = false) throws(HTTPURLError) {
        guard text.utf8.count <= HTTPURL.bytesMax else { throw .tooLong }
        guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else { throw .characters }
        guard let separator = text.firstRange(ofASCII: "://") else { throw .scheme }
        switch text[..<separator.lowerBound].lowercased() {
        case "https": usesTLS = true
        case "http": usesTLS = false
        default: throw .scheme
        }
        guard !text.utf8.contains(UInt8(ascii: "#")) else { throw .fragment }
        let rest = text[separator.upperBound...]
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        guard !authority.utf8.contains(UInt8(ascii: "@")) else { throw .userInformation }
        (host, port) = try HTTPURL.address(authority, defaultPort: usesTLS ? 443 : 80)
        let tail = rest[authorityEnd...]
        target = tail.hasPrefix("/") ? String(tail) : "/" + tail
        let bytes = Array(target.utf8)
        guard Grammar.isPathAndQuery(0..<bytes.count, bytes.span) else { throw .path }
        guard usesTLS || allowsClearText || HTTPURL.isLoopback(host) else { throw .clearText }
    }

    /// The URL without its query, which may hold a secret.
    package var description: String {
        let query = target.firstIndex(of: "?")
        return
            "\(usesTLS ? "https" : "http")://\(authority)\(target[..<(query ?? target.endIndex)])"
            + (query == nil ? "" : "?…")
    }

    /// The value of the `Host` field (RFC 9110 §7.2).
    var authority: String {
        let host = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == (usesTLS ? 443 : 80) ? host : "\(host):\(port)"
    }

    // MARK: - The host

    private static func address(
        _ text: Substring, defaultPort: UInt16
    ) throws(HTTPURLError) -> (String, UInt16) {
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { throw .host }
            let host = String(text[text.index(after: text.startIndex)..<bracket])
            guard host.utf8.contains(UInt8(ascii: ":")), !host.utf8.contains(UInt8(ascii: "%")),
                SocketAddress.isHost(host)
            else { throw .host }
            return (host, try port(text[text.index(after: bracket)...], defaultPort: defaultPort))
        }
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        let host = String(text[..<colon])
        guard isNameOrIPv4Address(host) else { throw .host }
        return (host, try port(text[colon...], defaultPort: defaultPort))
    }

    /// The port of `:443`; the default of an empty text.
    private static func port(
        _ text: Substring, defaultPort: UInt16
    ) throws(HTTPURLError) -> UInt16 {
        guard let colon = text.first else { return defaultPort }
        let bytes = Array(text.dropFirst().utf8)
        guard colon == ":", bytes.count <= 5,
            let port = Digits.integer(0..<bytes.count, of: bytes.span), 1...65_535 ~= port
        else { throw .port }
        return UInt16(port)
    }

    /// A text of digits and dots alone must be four numbers: the resolver takes fewer for an
    /// address, too.
    private static func isNameOrIPv4Address(_ text: String) -> Bool {
        guard 1...hostBytesMax ~= text.utf8.count,
            !text.utf8.contains(UInt8(ascii: ":")), SocketAddress.isHost(text)
        else { return false }
        let isNumeric = text.utf8.allSatisfy {
            $0 == UInt8(ascii: ".") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
        }
        return !isNumeric || text.split(separator: ".").count == 4
    }

    /// Whether the host is this machine: 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1 (RFC 4291 §2.5.3) or
    /// localhost (RFC 6761 §6.3).
    private static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }
}

/// The rule that a URL violates. The raw value states the rule without the URL, which may contain a
/// secret.
package enum HTTPURLError: String, Error, Sendable {
    case tooLong = "it must have at most 8000 bytes"
    case characters = "it must have visible ASCII characters alone: encode others as %XX"
    case scheme = "it must begin with https://, or with http:// for this machine alone"
    case userInformation = "it must have no user or password"
    case fragment = "it must have no fragment (#)"
    case host = "its host must be a name, an IPv4 address, or an IPv6 address in brackets"
    case port = "its port must be a number from 1 to 65535"
    case path = "its path and query must be percent-encoded (RFC 3986 §2.1)"
    case clearText = """
        http:// is for this machine alone (127.0.0.1, [::1] or localhost): give https://
        """
}
