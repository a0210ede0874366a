internal import CoreAPIBase

/// What the vendors of a distributed trace add to its position: the `tracestate` field of W3C Trace
/// Context (Level 2, §3.3), `congo=t61rcWkgMzE,rojo=00f067aa0ba902b7`.
///
/// The job carries it beside `traceparent`. Core API neither reads nor adds members.
public struct TraceState: Hashable, Sendable, CustomStringConvertible {
    /// The members, joined by commas without white space: 1 to ``bytesMax`` bytes.
    package let utf8: [UInt8]

    /// The longest value that is kept, in bytes. Of a longer one, members at the end are removed,
    /// members of more than 128 bytes first (§3.3.1.5).
    public static let bytesMax = 512

    /// The most members of a value (§3.3.1.1); more make it invalid.
    public static let membersMax = 32

    /// The longest input that is read, in bytes; a longer one is invalid.
    package static let inputBytesMax = 8_192

    /// Parses a `tracestate`; several fields are joined by commas before. Nil for an invalid one
    /// and for one without members, which the specification says to ignore.
    public init?(_ text: String) {
        self.init(field: Array(text.utf8).span)
    }

    package init?(field: Span<UInt8>) {
        guard field.count <= TraceState.inputBytesMax else { return nil }
        var members: [Range<Int>] = []
        var start = 0
        while start <= field.count {
            let end = ASCII.find(UInt8(ascii: ","), start..<field.count, of: field) ?? field.count
            let member = TraceState.trimmed(start..<end, field)
            // Empty members are allowed (§3.3.1.1).
            if !member.isEmpty {
                guard TraceState.isMember(member, field), members.count < TraceState.membersMax
                else { return nil }
                members.append(member)
            }
            start = end + 1
        }
        TraceState.shorten(&members)
        guard !members.isEmpty else { return nil }
        utf8 = [UInt8](capacity: TraceState.length(members)) { text in
            for (index, member) in members.enumerated() {
                if index > 0 { text.append(",") }
                text.append(copying: field.extracting(member))
            }
        }
    }

    /// The field's value.
    public var description: String { String(decoding: utf8, as: UTF8.self) }

    private static func length(_ members: [Range<Int>]) -> Int {
        members.reduce(members.count - 1) { $0 + $1.count }
    }

    private static let longMemberBytes = 128

    private static func shorten(_ members: inout [Range<Int>]) {
        while length(members) > bytesMax {
            let index = members.lastIndex { $0.count > longMemberBytes } ?? members.count - 1
            members.remove(at: index)
        }
    }

    /// Without optional white space: spaces and tabs (§3.3.1.2).
    private static func trimmed(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int> {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

    /// `list-member = key "=" value` (§3.3.1.3).
    private static func isMember(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard let equals = ASCII.find(UInt8(ascii: "="), range, of: bytes) else { return false }
        let value = (equals + 1)..<range.upperBound
        return isKey(range.lowerBound..<equals, bytes) && 1...256 ~= value.count
            && value.allSatisfy { isValueByte(bytes[$0]) }
    }

    /// A simple key, or a tenant and a system with an `@` between them.
    private static func isKey(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        func isName(_ name: Range<Int>, countMax: Int, mayBeginWithDigit: Bool) -> Bool {
            guard 1...countMax ~= name.count else { return false }
            let first = bytes[name.lowerBound]
            return (isLetter(first) || mayBeginWithDigit && isDigit(first))
                && name.allSatisfy { isKeyByte(bytes[$0]) }
        }
        guard let at = ASCII.find(UInt8(ascii: "@"), range, of: bytes) else {
            return isName(range, countMax: 256, mayBeginWithDigit: false)
        }
        return isName(range.lowerBound..<at, countMax: 241, mayBeginWithDigit: true)
            && isName((at + 1)..<range.upperBound, countMax: 14, mayBeginWithDigit: false)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"): true
        default: isLetter(byte) || isDigit(byte)
        }
    }

    /// Visible ASCII and spaces, but for `,` and `=`.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        0x20...0x7E ~= byte && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
    }
}
