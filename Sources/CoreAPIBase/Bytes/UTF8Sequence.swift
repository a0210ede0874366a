/// Well-formed UTF-8 by the table of RFC 3629 §4.
package enum UTF8Sequence {
    /// The length of the well-formed sequence of two to four bytes at `position`. Nil if the
    /// sequence is malformed: overlong, a surrogate, beyond U+10FFFF, or truncated.
    @inline(__always) package static func length(at position: Int, in bytes: Span<UInt8>) -> Int? {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[position] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: length = 3
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard position &+ length <= bytes.count, second ~= bytes[position &+ 1] else { return nil }
        if length > 2, bytes[position &+ 2] & 0xC0 != 0x80 { return nil }
        if length > 3, bytes[position &+ 3] & 0xC0 != 0x80 { return nil }
        return length
    }
}
