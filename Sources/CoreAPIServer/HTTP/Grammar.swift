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
            if eight.marks(below: 0x20) | eight.marks(of: 0x7F) != 0 {
                for index in 0..<8 where !isFieldValue(rest[index]) { return false }
            }
            rest = rest.extracting(droppingFirst: 8)
        }
        for index in rest.indices where !isFieldValue(rest[index]) { return false }
        return true
    }

    /// The range without the spaces and tabs around it.
    static func trimmed(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

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

    /// How many elements of a list are looked at: more than any list has, and a bound on the work.
    private static let elementsMax = 1_000

    /// Calls the body with each element of a list that has a length of these, without the white
    /// space around it. Empty elements are passed over (RFC 9110 §5.6.1.2).
    @inline(__always) static func forEachElement(
        _ list: Range<Int>, _ bytes: Span<UInt8>, lengths: ClosedRange<Int> = 1...Int.max,
        _ body: (Range<Int>) -> Void
    ) {
        var (start, count) = (list.lowerBound, 0)
        while count < elementsMax, let element = nextElement(&start, list.upperBound, bytes) {
            if lengths ~= element.count { body(element) }
            count += 1
        }
    }

    /// The list's next element, and where what follows it begins; nil at its end. Byte by byte,
    /// since elements may be short.
    private static func nextElement(
        _ start: inout Int, _ end: Int, _ bytes: Span<UInt8>
    ) -> Range<Int>? {
        var index = start
        while index < end {
            let byte = bytes[index]
            guard byte == UInt8(ascii: ",") || isBlank(byte) else { break }
            index &+= 1
        }
        let first = index
        var last = index
        while index < end {
            let byte = bytes[index]
            index &+= 1
            if byte == UInt8(ascii: ",") { break }
            if !isBlank(byte) { last = index }
        }
        start = index
        return first < last ? first..<last : nil
    }

    /// Whether the range is `path-absolute [ "?" query ]` (RFC 3986 §3.3, §3.4): ASCII that needs
    /// no percent-encoding, and percent-encoded bytes.
    static func isPathAndQuery(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            switch bytes[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < range.upperBound,
                    ASCII.hexadecimalValue(bytes[index + 1]) != nil,
                    ASCII.hexadecimalValue(bytes[index + 2]) != nil
                else { return false }
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

    /// Whether the range is `uri-host [ ":" port ]` (RFC 9110 §7.2), and the host not empty: no
    /// user, no path, no list.
    static func isAuthority(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard let first = range.first else { return false }
        var hostEnd = first
        if bytes[first] == UInt8(ascii: "[") {
            guard let bracket = ASCII.find(UInt8(ascii: "]"), range, of: bytes) else {
                return false
            }
            for index in (first + 1)..<bracket where !isAddressByte(bytes[index]) { return false }
            guard bracket > first + 1 else { return false }
            hostEnd = bracket + 1
        } else {
            while hostEnd < range.upperBound, isHostByte(bytes[hostEnd]) { hostEnd += 1 }
            guard hostEnd > first else { return false }
        }
        guard hostEnd < range.upperBound else { return true }
        guard bytes[hostEnd] == UInt8(ascii: ":") else { return false }
        let port = (hostEnd + 1)..<range.upperBound
        return port.isEmpty || (Digits.integer(port, of: bytes).map { $0 <= 65_535 } ?? false)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        ASCII.hexadecimalValue(byte) != nil || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: ".")
    }
}
