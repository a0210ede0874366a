/// Reads one JSON text (RFC 8259) from bytes in a single pass, and allocates nothing.
///
/// The reader keeps a position, not the bytes: each call is given the same `Span`. Values come back
/// as offsets into it (`JSONValue`), to be decoded by those who want them.
///
/// Stricter than many: the text must be UTF-8, and containers nest no deeper than `depthMax`. An
/// escape sequence may be half of a surrogate pair (RFC 8259 §8.2): `JSONText` tells it apart where
/// the string is used. The work for each byte is bounded: no text costs much more than another.
package struct JSONReader {
    /// How deep arrays and objects may nest. The open containers are kept as the bits of one word.
    package static let depthMax = 32

    private var position = 0

    package init() {}

    /// Passes over a byte order mark at the beginning of the bytes, which a reader may ignore
    /// (RFC 8259 §8.1).
    package mutating func skipByteOrderMark(_ bytes: Span<UInt8>) {
        guard bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF else { return }
        position = 3
    }

    /// Reads the white space and the first byte of the text: true if it is an object, which is then
    /// to be read by `nextMember` and `value`; otherwise call `value` once.
    package mutating func beginsObject(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        guard bytes[position] == UInt8(ascii: "{") else { return false }
        position += 1
        return true
    }

    /// Reads up to the value of the object's next member: its name, or nil where the object ends.
    package mutating func nextMember(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONText? {
        let (byte, place) = try JSONReader.nextByte(position, bytes)
        position = place
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

    /// As `nextMember`, but members of other names are passed over with their values.
    ///
    /// - Parameter names: letters, five to eight; all zeros for none.
    mutating func nextMember(
        _ bytes: Span<UInt8>, isFirst: Bool, among names: InlineArray<3, EightBytes>
    ) throws(JSONError) -> EightBytes? {
        var isFirst = isFirst
        var (byte, place) = try JSONReader.nextByte(position, bytes)
        while byte != UInt8(ascii: "}") {
            if !isFirst {
                guard byte == UInt8(ascii: ",") else {
                    throw JSONError(reason: .commaOrEndExpected, offset: place)
                }
                place = JSONReader.afterWhitespace(place &+ 1, bytes)
            }
            isFirst = false
            let start = place &+ 1
            var hasEscapes = false
            place = try JSONReader.afterText(place, bytes, &hasEscapes)
            let name = JSONText(range: start..<(place &- 1), hasEscapes: hasEscapes)
            place = try JSONReader.afterColon(place, bytes)
            // The shortest name that is looked for has five letters, of which one is spelt by six
            // bytes if there are escape sequences.
            if name.range.count >= (hasEscapes ? 10 : 5), let word = name.eightBytes(bytes),
                word == names[0] || word == names[1] || word == names[2]
            {
                position = place
                return word
            }
            place = try JSONReader.afterValue(place, bytes, depth: 1)
            (byte, place) = try JSONReader.nextByte(place, bytes)
        }
        position = place &+ 1
        return nil
    }

    /// Reads the next element of an array, with its bracket if it is the first: nil where the array
    /// ends.
    package mutating func nextElement(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONValue? {
        var (byte, place) = try JSONReader.nextByte(position, bytes)
        position = place
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

    /// Reads one value: a container is checked to its end and passed over.
    ///
    /// - Parameter depth: how many containers are open around the value.
    package mutating func value(
        _ bytes: Span<UInt8>, depth: Int = 0
    ) throws(JSONError) -> JSONValue {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        let (start, byte) = (position, bytes[position])
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            position = try JSONReader.afterContainer(start, bytes, depth: depth)
            return byte == UInt8(ascii: "{") ? .object : .array(start..<position)
        case UInt8(ascii: "\""):
            return .text(try text(bytes))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            var isInteger = true
            position = try JSONReader.afterNumber(start, bytes, &isInteger)
            return .number(JSONNumber(range: start..<position, isInteger: isInteger))
        default:
            position = try JSONReader.afterScalar(byte, start, bytes)
            return byte == UInt8(ascii: "n") ? .null : .bool(byte == UInt8(ascii: "t"))
        }
    }

    /// Reads the white space after the last value: anything else there is an error.
    package mutating func end(_ bytes: Span<UInt8>) throws(JSONError) {
        position = JSONReader.afterWhitespace(position, bytes)
        guard position == bytes.count else { throw failure(.trailingText) }
    }

    /// A string (RFC 8259 §7), from its opening to its closing quotation mark.
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
