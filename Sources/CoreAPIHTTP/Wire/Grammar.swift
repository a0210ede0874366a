package import CoreAPIBase

/// The character classes and elements of HTTP's grammar, over raw bytes.
package enum Grammar {
    package static let space = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
    package static let carriageReturn = UInt8(ascii: "\r")
    package static let lineFeed = UInt8(ascii: "\n")

    /// `tchar` (RFC 9110 §5.6.2).
    static func isToken(_ byte: UInt8) -> Bool { tokenBytes.contains(byte) }

    static let tokenBytes = ByteSet { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"),
            UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"),
            UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether the range is a token. An empty range is no token.
    static func isToken(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        !range.isEmpty && tokenBytes.end(in: range, of: bytes) == range.upperBound
    }

    /// `field-vchar`, space or tab (RFC 9110 §5.5): no control characters.
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == tab
    }

    /// Whether every byte of the range is legal in a field value.
    @inline(__always) static func isFieldValue(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        var rest = bytes.extracting(range)
        while rest.count >= 8 {
            let eight = EightBytes(first: rest)
            if eight.hasControls, eight.replacing(tab, with: space).hasControls { return false }
            rest = rest.extracting(droppingFirst: 8)
        }
        for index in rest.indices where !isFieldValue(rest[index]) { return false }
        return true
    }

    /// The range without surrounding spaces and tabs.
    package static func trimmed(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        // One blank, as before nearly all values.
        if start < end, isBlank(bytes[start]) { start += 1 }
        while start < end, isBlank(bytes[start]) {
            start += end - start >= 8 && isBlank(EightBytes(bytes, at: start)) ? 8 : 1
        }
        while end > start, isBlank(bytes[end - 1]) {
            end -= end - start >= 8 && isBlank(EightBytes(bytes, at: end - 8)) ? 8 : 1
        }
        return start..<end
    }

    /// Whether all eight bytes are blank, in a value without other control characters.
    private static func isBlank(_ eight: EightBytes) -> Bool { eight.areBelow(space + 1) }

    package static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// Whether the range equals a word, ignoring case. The word must be in lower case.
    package static func equalsIgnoringCase(
        _ word: ShortText, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> Bool {
        word.equalsIgnoringCase(range, of: bytes)
    }

    /// Whether a percent sign within the range is followed by two hexadecimal digits
    /// (RFC 3986 §2.1).
    static func isPercentEncoded(
        _ percent: Int, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> Bool {
        percent + 2 < range.upperBound && ASCII.hexadecimalValue(bytes[percent + 1]) != nil
            && ASCII.hexadecimalValue(bytes[percent + 2]) != nil
    }

    /// `unreserved` (RFC 3986 §2.3).
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// `sub-delims` (RFC 3986 §2.2).
    static func isSubDelimiter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ","),
            UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    /// The bytes of `reg-name` (RFC 3986 §3.2.2) that are not percent-encoded, but for the comma.
    static let hostBytes = ByteSet { byte in
        isUnreserved(byte) || isSubDelimiter(byte) && byte != UInt8(ascii: ",")
    }

    /// The bytes of `pchar` (RFC 3986 §3.3) that are not percent-encoded, slash and question mark.
    private static let pathAndQueryBytes = ByteSet { byte in
        isUnreserved(byte) || isSubDelimiter(byte) || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "@") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?")
    }

    /// The bytes of a path with percent-encoded unreserved characters decoded (RFC 3986 §6.2.2.2).
    package static func normalized(_ path: Range<Int>, _ bytes: Span<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var index = path.lowerBound
        while index < path.upperBound {
            decoded.append(bytes[index])
            index += 1
            guard decoded.last == UInt8(ascii: "%"), index + 1 < path.upperBound,
                let high = ASCII.hexadecimalValue(bytes[index]),
                let low = ASCII.hexadecimalValue(bytes[index + 1]),
                isUnreserved(high << 4 | low)
            else { continue }
            decoded[decoded.count - 1] = high << 4 | low
            index += 2
        }
        return decoded
    }

    /// Limit of elements per list, empty elements included.
    package static let listElementsMax = 256

    /// Calls `body` with each element of a list, without surrounding white space. Empty elements
    /// are skipped, as RFC 9110 §5.6.1.2 requires of a recipient. Returns the number of elements,
    /// empty ones included; a number above `listElementsMax` means that the rest was not visited.
    @discardableResult @inline(__always) package static func forEachElement(
        _ list: Range<Int>, _ bytes: Span<UInt8>, _ body: (Range<Int>) -> Void
    ) -> Int {
        var (start, count) = (list.lowerBound, 0)
        while true {
            count &+= 1
            guard count <= listElementsMax else { return count }
            let comma = ASCII.find(UInt8(ascii: ","), start..<list.upperBound, of: bytes)
            let element = trimmed(start..<(comma ?? list.upperBound), bytes)
            if !element.isEmpty { body(element) }
            guard let comma else { return count }
            start = comma &+ 1
        }
    }

    /// Whether the range is `path-absolute [ "?" query ]` (RFC 3986 §3.3, §3.4): legal ASCII
    /// characters and percent-encoded bytes.
    static func isPathAndQuery(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let plain = pathAndQueryBytes
        var index = range.lowerBound
        while true {
            index = plain.end(in: index..<range.upperBound, of: bytes)
            if index == range.upperBound { return true }
            guard bytes[index] == UInt8(ascii: "%"), isPercentEncoded(index, range, bytes) else {
                return false
            }
            index += 3
        }
    }
}
