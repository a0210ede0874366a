/// Reads one JSON text (RFC 8259) from bytes in a single pass, and allocates nothing.
///
/// The reader keeps a position, not the bytes: each call is given the same `Span`. Values come back
/// as offsets into it (`JSONValue`), to be decoded by those who want them.
///
/// Stricter than many: the text must be UTF-8 without a byte order mark, a `\u` escape must not
/// leave half of a surrogate pair, and containers nest no deeper than `depthMax`.
package struct JSONReader {
    /// How deep arrays and objects may nest. The open containers are kept as the bits of one word.
    package static let depthMax = 32

    private var position = 0

    package init() {}

    /// Reads the white space and the first byte of the text: true if it is an object, which is then
    /// to be read by `nextMember` and `value`; otherwise call `value` once.
    package mutating func beginsObject(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        guard bytes[position] == UInt8(ascii: "{") else { return false }
        position += 1
        return true
    }

    /// Reads up to the value of the object's next member: its name, or nil where the object ends.
    package mutating func nextMember(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONText? {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw failure(.unterminated) }
        if bytes[position] == UInt8(ascii: "}") {
            position += 1
            return nil
        }
        if !isFirst {
            try expect(UInt8(ascii: ","), bytes, orElse: .commaOrEndExpected)
            skipWhitespace(bytes)
        }
        let name = try text(bytes)
        skipWhitespace(bytes)
        try expect(UInt8(ascii: ":"), bytes, orElse: .colonExpected)
        return name
    }

    /// Reads the next element of an array, with its bracket if it is the first: nil where the array
    /// ends.
    package mutating func nextElement(
        _ bytes: Span<UInt8>, isFirst: Bool
    ) throws(JSONError) -> JSONValue? {
        skipWhitespace(bytes)
        if isFirst {
            try expect(UInt8(ascii: "["), bytes, orElse: .valueExpected)
            skipWhitespace(bytes)
        }
        guard position < bytes.count else { throw failure(.unterminated) }
        if bytes[position] == UInt8(ascii: "]") {
            position += 1
            return nil
        }
        if !isFirst { try expect(UInt8(ascii: ","), bytes, orElse: .commaOrEndExpected) }
        return try value(bytes, depth: 1)
    }

    /// Reads one value: a container is checked to its end and passed over.
    ///
    /// - Parameter depth: how many containers are open around the value.
    package mutating func value(
        _ bytes: Span<UInt8>, depth: Int = 0
    ) throws(JSONError) -> JSONValue {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw failure(.valueExpected) }
        switch bytes[position] {
        case UInt8(ascii: "{"):
            try skipContainer(bytes, depth: depth)
            return .object
        case UInt8(ascii: "["):
            let start = position
            try skipContainer(bytes, depth: depth)
            return .array(start..<position)
        default:
            return try scalar(bytes)
        }
    }

    /// Reads the white space after the last value: anything else there is an error.
    package mutating func end(_ bytes: Span<UInt8>) throws(JSONError) {
        skipWhitespace(bytes)
        guard position == bytes.count else { throw failure(.trailingText) }
    }

    // MARK: - Containers

    /// Checks the container that begins here, without recursion: bit n of `objects` tells whether
    /// the n-th open container is an object.
    private mutating func skipContainer(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) {
        var objects: UInt64 = 0
        var open = 0
        repeat {
            // Here a value is expected.
            skipWhitespace(bytes)
            guard position < bytes.count else { throw failure(.unterminated) }
            let byte = bytes[position]
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                guard depth + open < JSONReader.depthMax else { throw failure(.tooDeep) }
                let isObject = byte == UInt8(ascii: "{")
                position += 1
                objects = (objects << 1) | (isObject ? 1 : 0)
                open += 1
                skipWhitespace(bytes)
                guard position < bytes.count else { throw failure(.unterminated) }
                if bytes[position] != JSONReader.closing(isObject) {
                    if isObject { try skipName(bytes) }
                    continue
                }
            } else {
                _ = try scalar(bytes)
            }
            try skipEndings(bytes, objects: &objects, open: &open)
        } while open > 0
    }

    /// After a value in a container: closes what ends here, or goes to where the next value begins.
    private mutating func skipEndings(
        _ bytes: Span<UInt8>, objects: inout UInt64, open: inout Int
    ) throws(JSONError) {
        while open > 0 {
            skipWhitespace(bytes)
            guard position < bytes.count else { throw failure(.unterminated) }
            let isObject = objects & 1 == 1
            if bytes[position] == JSONReader.closing(isObject) {
                position += 1
                objects >>= 1
                open -= 1
                continue
            }
            try expect(UInt8(ascii: ","), bytes, orElse: .commaOrEndExpected)
            if isObject {
                skipWhitespace(bytes)
                try skipName(bytes)
            }
            return
        }
    }

    private mutating func skipName(_ bytes: Span<UInt8>) throws(JSONError) {
        _ = try text(bytes)
        skipWhitespace(bytes)
        try expect(UInt8(ascii: ":"), bytes, orElse: .colonExpected)
    }

    private static func closing(_ isObject: Bool) -> UInt8 {
        isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    }

    // MARK: - Scalars

    private mutating func scalar(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        switch bytes[position] {
        case UInt8(ascii: "\""): return .text(try text(bytes))
        case UInt8(ascii: "t"):
            try literal("true", bytes)
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false", bytes)
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null", bytes)
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try number(bytes))
        default: throw failure(.valueExpected)
        }
    }

    private mutating func literal(_ word: StaticString, _ bytes: Span<UInt8>) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            try expect(word.byte(at: index), bytes, orElse: .valueExpected)
        }
    }

    /// `number = [ minus ] int [ frac ] [ exp ]` (RFC 8259 §6).
    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONNumber {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: "0") {
            position += 1
            if position < bytes.count, isDigit(bytes[position]) { throw failure(.leadingZero) }
        } else {
            try digits(bytes)
        }
        var isInteger = true
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try digits(bytes)
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < bytes.count,
                bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
            {
                position += 1
            }
            try digits(bytes)
        }
        return JSONNumber(range: start..<position, isInteger: isInteger)
    }

    private mutating func digits(_ bytes: Span<UInt8>) throws(JSONError) {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > start else { throw failure(.digitExpected) }
    }

    /// A string (RFC 8259 §7), from its opening to its closing quotation mark.
    private mutating func text(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        try expect(UInt8(ascii: "\""), bytes, orElse: .stringExpected)
        let start = position
        var hasEscapes = false
        while true {
            skipPlain(bytes)
            guard position < bytes.count else { break }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return JSONText(range: start..<(position - 1), hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position = try JSONText.endOfEscape(at: position, in: bytes)
            } else if byte < 0x20 {
                throw failure(.controlCharacter)
            } else {
                guard let length = UTF8Sequence.length(at: position, in: bytes) else {
                    throw failure(.notUTF8)
                }
                position += length
            }
        }
        throw failure(.unterminated)
    }

    /// Passes over the ASCII characters of a string that stand for themselves.
    private mutating func skipPlain(_ bytes: Span<UInt8>) {
        var rest = bytes.extracting(droppingFirst: position)
        while rest.count >= 8 {
            let eight = EightBytes(first: rest)
            let marks =
                eight.marks(below: 0x20) | eight.marks(of: UInt8(ascii: "\""))
                | eight.marks(of: UInt8(ascii: "\\")) | eight.marksBeyondASCII
            if marks != 0 {
                position = bytes.count &- rest.count &+ EightBytes.countBefore(marks)
                return
            }
            rest = rest.extracting(droppingFirst: 8)
        }
        var index = bytes.count &- rest.count
        while index < bytes.count {
            let byte = bytes[index]
            guard 0x20..<0x80 ~= byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\")
            else { break }
            index += 1
        }
        position = index
    }

    // MARK: - Bytes

    private mutating func skipWhitespace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func expect(
        _ byte: UInt8, _ bytes: Span<UInt8>, orElse reason: JSONError.Reason
    ) throws(JSONError) {
        guard position < bytes.count else { throw failure(.unterminated) }
        guard bytes[position] == byte else { throw failure(reason) }
        position += 1
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private func failure(_ reason: JSONError.Reason) -> JSONError {
        JSONError(reason: reason, offset: position)
    }
}
