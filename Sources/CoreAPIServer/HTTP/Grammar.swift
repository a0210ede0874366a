internal import CoreAPIKit

/// The character classes of HTTP's grammar and the elements made of them, over raw bytes.
enum Grammar {
    static let space = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
    static let carriageReturn = UInt8(ascii: "\r")
    static let lineFeed = UInt8(ascii: "\n")

    /// `tchar` (RFC 9110 §5.6.2).
    static func isToken(_ byte: UInt8) -> Bool {
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

    /// Whether the range is one token: not empty.
    static func isToken(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        for index in range where !isToken(bytes[index]) { return false }
        return !range.isEmpty
    }

    /// `field-vchar`, space or tab (RFC 9110 §5.5): no control characters.
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == tab
    }

    /// Whether every byte of the range may stand in a field's value.
    static func isFieldValue(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        var rest = bytes.extracting(range)
        while rest.count >= 8 {
            let eight = EightBytes(first: rest)
            if eight.hasControls, eight.replacing(tab, with: space).hasControls { return false }
            rest = rest.extracting(droppingFirst: 8)
        }
        for index in rest.indices where !isFieldValue(rest[index]) { return false }
        return true
    }

    /// The range without the spaces and tabs around it.
    static func trimmed(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(bytes[start]) {
            start += end - start >= 8 && isBlank(EightBytes(bytes, at: start)) ? 8 : 1
        }
        while end > start, isBlank(bytes[end - 1]) {
            end -= end - start >= 8 && isBlank(EightBytes(bytes, at: end - 8)) ? 8 : 1
        }
        return start..<end
    }

    /// Of a value, in which there are no other control characters.
    private static func isBlank(_ eight: EightBytes) -> Bool { eight.areBelow(space + 1) }

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// Whether the bytes of the range are this word of lower-case letters, in whatever case.
    static func equalsIgnoringCase(
        _ word: ShortText, _ range: Range<Int>, _ bytes: Span<UInt8>
    ) -> Bool {
        guard range.count == word.count, let text = ShortText(range, of: bytes) else {
            return false
        }
        return text.lowercased == word
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

    /// How many elements of a list are looked at, empty ones included.
    static let listElementsMax = 256

    /// Calls the body with each element of a list, without the white space around it. Empty
    /// elements are passed over, as many as a sender may have by mistake (RFC 9110 §5.6.1.2).
    /// Returns how many elements there are, empty ones included; more than `listElementsMax` if
    /// some were not looked at.
    @discardableResult @inline(__always) static func forEachElement(
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

    /// Whether the range is `path-absolute [ "?" query ]` (RFC 3986 §3.3, §3.4): ASCII that needs
    /// no percent-encoding, and percent-encoded bytes.
    static func isPathAndQuery(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            switch bytes[index] {
            case UInt8(ascii: "%"):
                guard isPercentEncoded(index, range, bytes) else { return false }
                index += 3
            case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ";"),
                UInt8(ascii: "="), UInt8(ascii: "?")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "~"):
                index += 1
            default: return false
            }
        }
        return true
    }
}
