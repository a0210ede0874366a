internal import CoreAPIBase

/// `uri-host [ ":" port ]` (RFC 9110 §7.2) with a non-empty host. User information, paths and lists
/// of hosts are invalid.
enum Authority {
    static func isValid(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard let hostEnd = hostEnd(range, bytes) else { return false }
        return hostEnd == range.upperBound || port(hostEnd, range, bytes) != nil
    }

    /// Whether the range names a host and a port, as CONNECT must (RFC 9110 §9.3.6).
    static func hasPort(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard let hostEnd = hostEnd(range, bytes), hostEnd < range.upperBound,
            let port = port(hostEnd, range, bytes)
        else { return false }
        return !port.isEmpty
    }

    /// The digits after the colon, possibly none (RFC 3986 §3.2.3); nil if the port is invalid.
    private static func port(
        _ colon: Int, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> Range<Int>? {
        guard bytes[colon] == UInt8(ascii: ":") else { return nil }
        let port = (colon + 1)..<range.upperBound
        guard !port.isEmpty else { return port }
        guard let number = Digits.integer(port, of: bytes), number <= 65_535 else { return nil }
        return port
    }

    /// The end of the host (RFC 3986 §3.2.2); nil if the host is empty or invalid.
    private static func hostEnd(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Int? {
        guard let first = range.first else { return nil }
        if bytes[first] == UInt8(ascii: "[") { return literalEnd(range, bytes) }
        let plain = Grammar.hostBytes
        var end = plain.end(in: range, of: bytes)
        var hasComma = false
        while end < range.upperBound {
            if bytes[end] == UInt8(ascii: ",") {
                hasComma = true
                end += 1
            } else if bytes[end] == UInt8(ascii: "%") {
                guard Grammar.isPercentEncoded(end, range, bytes) else { return nil }
                end += 3
            } else {
                break
            }
            end = plain.end(in: end..<range.upperBound, of: bytes)
        }
        guard end > first, !hasComma || !isList(first..<end, bytes) else { return nil }
        return end
    }

    /// `IP-literal = "[" ( IPv6address / IPvFuture ) "]"`. The groups of an IPv6 address are not
    /// counted, because the server never connects to it.
    private static func literalEnd(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Int? {
        guard let bracket = ASCII.find(UInt8(ascii: "]"), range, of: bytes) else { return nil }
        let address = (range.lowerBound + 1)..<bracket
        guard let first = address.first else { return nil }
        guard bytes[first] | 0x20 == UInt8(ascii: "v") else {
            for index in address where !isAddressByte(bytes[index]) { return nil }
            return bracket + 1
        }
        // IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
        var dot = first + 1
        while dot < bracket, ASCII.hexadecimalValue(bytes[dot]) != nil { dot += 1 }
        guard dot > first + 1, dot + 1 < bracket, bytes[dot] == UInt8(ascii: ".") else {
            return nil
        }
        for index in (dot + 1)..<bracket {
            let byte = bytes[index]
            guard
                Grammar.isUnreserved(byte) || Grammar.isSubDelimiter(byte)
                    || byte == UInt8(ascii: ":")
            else { return nil }
        }
        return bracket + 1
    }

    /// Whether a host with commas is a list of plain names, some possibly empty: two Host fields
    /// that a proxy joined (RFC 9110 §5.3), rather than one name with a comma.
    private static func isList(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        for index in range
        where bytes[index] != UInt8(ascii: ",") && !Grammar.isUnreserved(bytes[index]) {
            return false
        }
        return true
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        ASCII.hexadecimalValue(byte) != nil || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: ".")
    }
}
