/// Reads one JSON text (RFC 8259) from bytes in a single pass, without allocations.
///
/// The reader keeps a position, not the bytes: pass the same `Span` to each call. A `JSONValue`
/// holds offsets into the span; the caller decodes it on demand.
///
/// The reader is stricter than many parsers: the text must be UTF-8, containers nest no deeper than
/// `depthMax`, and have no more than `nestedValuesMax` values. A `\u` escape may be half of a
/// surrogate pair (RFC 8259 §8.2); `JSONText` handles it when the string is decoded. The work per
/// byte is bounded, which bounds the worst case.
package struct JSONReader {
    /// Maximum nesting of arrays and objects. The open containers are the bits of one word.
    package static let depthMax = 32

    /// Maximum number of values in arrays and in objects below the outermost one. It bounds the
    /// worst case: a value costs more than its bytes do.
    package static let nestedValuesMax = 2_048

    private var position = 0
    private var nestedValues = 0

    package init() {}

    /// Skips a byte order mark at the start of the bytes, as RFC 8259 §8.1 permits.
    package mutating func skipByteOrderMark(_ bytes: Span<UInt8>) {
        guard bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF else { return }
        position = 3
    }

    /// Reads leading white space and the first byte of the text. True for an object: then call
    /// `nextMember` and `value` for each member. Otherwise call `value` once.
    package mutating func beginsObject(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        guard bytes[position] == UInt8(ascii: "{") else { return false }
        position += 1
        return true
    }

    /// Reads up to the value of the object's next member and returns the member's name; nil at the
    /// end of the object.
    package mutating func nextMember(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONText? {
        let (byte, cursor) = try JSONReader.nextByte(position, bytes)
        position = cursor
        if byte == UInt8(ascii: "}") {
            position &+= 1
            return nil
        }
        if !isFirst {
            guard byte == UInt8(ascii: ",") else { throw failure(.commaOrEndExpected) }
            position = JSONReader.afterWhitespace(position &+ 1, bytes)
        }
        let name = try text(bytes)
        position = try JSONReader.afterColon(position, bytes)
        return name
    }

    /// Like `nextMember`, but skips members with other names and their values.
    ///
    /// - Parameter names: words of five to eight letters; a zero word matches no name.
    package mutating func nextMember(
        _ bytes: Span<UInt8>, isFirst: Bool, among names: InlineArray<3, EightBytes>
    ) throws(JSONError) -> EightBytes? {
        var isFirst = isFirst
        var (byte, cursor) = try JSONReader.nextByte(position, bytes)
        while byte != UInt8(ascii: "}") {
            if !isFirst {
                guard byte == UInt8(ascii: ",") else {
                    throw JSONError(reason: .commaOrEndExpected, offset: cursor)
                }
                cursor = JSONReader.afterWhitespace(cursor &+ 1, bytes)
            }
            isFirst = false
            let start = cursor &+ 1
            var hasEscapes = false
            cursor = try JSONReader.afterText(cursor, bytes, &hasEscapes)
            let name = JSONText(range: start..<(cursor &- 1), hasEscapes: hasEscapes)
            cursor = try JSONReader.afterColon(cursor, bytes)
            // Skips names too short to match. A name has at least five letters, and an escaped
            // letter has six bytes.
            if name.range.count >= (hasEscapes ? 10 : 5), let word = name.eightBytes(bytes),
                word == names[0] || word == names[1] || word == names[2]
            {
                position = cursor
                return word
            }
            cursor = try JSONReader.afterValue(cursor, bytes, depth: 1, &nestedValues)
            (byte, cursor) = try JSONReader.nextByte(cursor, bytes)
        }
        position = cursor &+ 1
        return nil
    }

    /// Reads the next element of an array, and the opening bracket before the first element; nil at
    /// the end of the array.
    package mutating func nextElement(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONValue? {
        var (byte, cursor) = try JSONReader.nextByte(position, bytes)
        position = cursor
        if isFirst {
            guard byte == UInt8(ascii: "[") else { throw failure(.valueExpected) }
            (byte, position) = try JSONReader.nextByte(position &+ 1, bytes)
        }
        if byte == UInt8(ascii: "]") {
            position &+= 1
            return nil
        }
        if !isFirst {
            guard byte == UInt8(ascii: ",") else { throw failure(.commaOrEndExpected) }
            position &+= 1
        }
        return try value(bytes, depth: 1)
    }

    /// Reads one value. A container is checked and skipped as a whole.
    ///
    /// - Parameter depth: the number of open containers around the value.
    package mutating func value(
        _ bytes: Span<UInt8>, depth: Int = 0
    ) throws(JSONError) -> JSONValue {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        let (start, byte) = (position, bytes[position])
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            position = try JSONReader.afterContainer(start, bytes, depth: depth, &nestedValues)
            return byte == UInt8(ascii: "{") ? .object : .array(start..<position)
        case UInt8(ascii: "\""):
            return .text(try text(bytes))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            var isInteger = true
            position = try JSONReader.afterNumber(byte, start, bytes, &isInteger)
            return .number(JSONNumber(range: start..<position, isInteger: isInteger))
        default:
            position = try JSONReader.afterScalar(byte, start, bytes)
            return byte == UInt8(ascii: "n") ? .null : .bool(byte == UInt8(ascii: "t"))
        }
    }

    /// Reads trailing white space; throws if anything else follows the last value.
    package mutating func end(_ bytes: Span<UInt8>) throws(JSONError) {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position == bytes.count else { throw failure(.trailingText) }
    }

    /// Reads a string (RFC 8259 §7), from its opening to its closing quotation mark.
    @inline(__always) private mutating func text(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText
    {
        let start = position &+ 1
        var hasEscapes = false
        position = try JSONReader.afterText(position, bytes, &hasEscapes)
        return JSONText(range: start..<(position &- 1), hasEscapes: hasEscapes)
    }

    private func failure(_ reason: JSONError.Reason) -> JSONError {
        JSONError(reason: reason, offset: position)
    }
}
