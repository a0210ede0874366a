/// Skips JSON elements. Each function takes the position of an element, checks its grammar (RFC
/// 8259) and returns the position after it.
///
/// This is the hot path of the worst case: the most CPU time that an unauthenticated caller can
/// use. Positions are values rather than the reader's state, so that they stay in registers. The
/// commonest elements have the shortest path.
extension JSONReader {
    // MARK: - Containers

    /// Skips a value of any kind.
    @inline(__always) static func afterValue(
        _ start: Int, _ bytes: Span<UInt8>, depth: Int, _ nested: inout Int
    ) throws(JSONError) -> Int {
        if has(start &+ 1, bytes) {
            let (first, second) = (bytes[start], bytes[start &+ 1])
            if isDigit(first), second == UInt8(ascii: ",") { return start &+ 1 }
            if first == UInt8(ascii: "\""), second == UInt8(ascii: "\"") { return start &+ 2 }
            // In ASCII a closing bracket or brace is two after its opening one.
            if isOpening(first), second == first &+ 2, depth < JSONReader.depthMax {
                return start &+ 2
            }
        }
        return try afterLongValue(start, bytes, depth: depth, &nested)
    }

    @inline(never) private static func afterLongValue(
        _ position: Int, _ bytes: Span<UInt8>, depth: Int, _ nested: inout Int
    ) throws(JSONError) -> Int {
        let start = afterWhitespace(position, bytes)
        guard has(start, bytes) else { throw JSONError(.valueExpected, start) }
        let byte = bytes[start]
        if isOpening(byte) {
            return try afterContainer(start, bytes, depth: depth, &nested)
        }
        return try afterScalar(byte, start, bytes)
    }

    /// Skips a container without recursion. Bit n of `objects` is 1 if the n-th open container is
    /// an object.
    ///
    /// - Parameter nested: how many values in containers the text has had, this one included.
    static func afterContainer(
        _ start: Int, _ bytes: Span<UInt8>, depth: Int, _ nested: inout Int
    ) throws(JSONError) -> Int {
        var (byte, position) = (bytes[start], start)
        var objects: UInt64 = 0
        var open = 0
        let openMax = JSONReader.depthMax &- depth
        while true {
            nested &+= 1
            guard nested <= JSONReader.nestedValuesMax else {
                throw JSONError(.tooManyValues, position)
            }
            if isOpening(byte) {
                guard open < openMax else {
                    throw JSONError(.tooDeep, position)
                }
                let (isObject, closing) = (byte == UInt8(ascii: "{"), byte &+ 2)
                objects = objects &<< 1 | (isObject ? 1 : 0)
                open &+= 1
                (byte, position) = try nextByte(position &+ 1, bytes)
                if byte != closing {
                    if isObject {
                        (byte, position) = try nextByte(afterName(position, bytes), bytes)
                    }
                    continue
                }
            } else if isDigit(byte), has(position &+ 1, bytes),
                bytes[position &+ 1] == UInt8(ascii: ",")
            {
                // Fast path: an element of one digit.
                (byte, position) = (UInt8(ascii: ","), position &+ 1)
            } else {
                (byte, position) = try nextByte(afterScalar(byte, position, bytes), bytes)
            }
            // `byte` follows a value that has ended, or closes an empty container.
            while byte != UInt8(ascii: ",") {
                guard byte == closing(objects & 1 == 1) else {
                    throw JSONError(.commaOrEndExpected, position)
                }
                objects &>>= 1
                open &-= 1
                position &+= 1
                if open == 0 { return position }
                (byte, position) = try nextByte(position, bytes)
            }
            position &+= 1
            if objects & 1 == 1 {
                position = try afterName(afterWhitespace(position, bytes), bytes)
            }
            (byte, position) = try nextByte(position, bytes)
        }
    }

    /// Skips a member's name and the colon after it.
    @inline(__always) private static func afterName(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        // Fast path: seven plain characters at most, and no white space before the colon.
        if has(position &+ 8, bytes), bytes[position] == UInt8(ascii: "\"") {
            let marks = marksOfNotPlain(EightBytes(bytes, at: position &+ 1))
            let end = position &+ 1 &+ EightBytes.countBefore(marks)
            if has(end &+ 1, bytes), bytes[end] == UInt8(ascii: "\""),
                bytes[end &+ 1] == UInt8(ascii: ":")
            {
                return end &+ 2
            }
        }
        return try afterLongName(position, bytes)
    }

    @inline(never) private static func afterLongName(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        var hasEscapes = false
        return try afterColon(afterText(position, bytes, &hasEscapes), bytes)
    }

    /// Skips the colon after a member's name.
    @inline(__always) static func afterColon(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        let (byte, found) = try nextByte(position, bytes)
        guard byte == UInt8(ascii: ":") else { throw JSONError(.colonExpected, found) }
        return found &+ 1
    }

    @inline(__always) private static func isOpening(_ byte: UInt8) -> Bool {
        byte | 0x20 == UInt8(ascii: "{")
    }

    @inline(__always) private static func closing(_ isObject: Bool) -> UInt8 {
        isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    }

    // MARK: - Scalars

    /// Skips a string, number or literal whose first byte is `first`.
    @inline(__always) static func afterScalar(
        _ first: UInt8, _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        if first == UInt8(ascii: "\"") {
            var hasEscapes = false
            return try afterText(position, bytes, &hasEscapes)
        }
        if isDigit(first) || first == UInt8(ascii: "-") {
            var isInteger = true
            return try afterNumber(first, position, bytes, &isInteger)
        }
        return try afterOther(first, position, bytes)
    }

    @inline(never) private static func afterOther(
        _ first: UInt8, _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        switch first {
        case UInt8(ascii: "t"): return try afterLiteral("true", position, bytes)
        case UInt8(ascii: "f"): return try afterLiteral("false", position, bytes)
        case UInt8(ascii: "n"): return try afterLiteral("null", position, bytes)
        default:
            // Text in another encoding starts with bytes that are not UTF-8.
            let isUTF8 = first < 0x80 || UTF8Sequence.length(at: position, in: bytes) != nil
            throw JSONError(isUTF8 ? .valueExpected : .notUTF8, position)
        }
    }

    @inline(__always) private static func afterLiteral(
        _ word: StaticString, _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        for index in 0..<word.utf8CodeUnitCount {
            let current = position &+ index
            guard has(current, bytes) else { throw JSONError(.unterminated, current) }
            guard bytes[current] == word.byte(at: index) else {
                throw JSONError(.valueExpected, current)
            }
        }
        return position &+ word.utf8CodeUnitCount
    }

    /// `number = [ minus ] int [ frac ] [ exp ]` (RFC 8259 §6).
    ///
    /// - Parameter isInteger: set to false if the number has a fraction or an exponent.
    @inline(__always) static func afterNumber(
        _ byte: UInt8, _ start: Int, _ bytes: Span<UInt8>, _ isInteger: inout Bool
    ) throws(JSONError) -> Int {
        let first = byte == UInt8(ascii: "-") ? start &+ 1 : start
        var position = try afterDigits(first, bytes)
        if position > first &+ 1, bytes[first] == UInt8(ascii: "0") {
            throw JSONError(.leadingZero, first &+ 1)
        }
        guard has(position, bytes), bytes[position] != UInt8(ascii: ",") else { return position }
        if bytes[position] | 0x20 != UInt8(ascii: "e") {
            guard bytes[position] == UInt8(ascii: ".") else { return position }
            isInteger = false
            position = try afterDigits(position &+ 1, bytes)
            guard has(position, bytes), bytes[position] | 0x20 == UInt8(ascii: "e") else {
                return position
            }
        }
        isInteger = false
        position &+= 1
        // Mostly one digit.
        if has(position &+ 1, bytes), isDigit(bytes[position]),
            bytes[position &+ 1] == UInt8(ascii: ",")
        {
            return position &+ 1
        }
        if has(position, bytes),
            bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
        {
            position &+= 1
        }
        return try afterDigits(position, bytes)
    }

    @inline(__always) private static func afterDigits(
        _ start: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        var position = start
        while has(position, bytes), isDigit(bytes[position]) { position &+= 1 }
        guard position > start else { throw JSONError(.digitExpected, position) }
        return position
    }

    @inline(__always) private static func isDigit(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") <= 9
    }

    // MARK: - Strings

    /// Skips a string, from its opening to its closing quotation mark.
    ///
    /// - Parameter hasEscapes: set to true if the string has an escape sequence.
    @inline(__always) static func afterText(
        _ start: Int, _ bytes: Span<UInt8>, _ hasEscapes: inout Bool
    ) throws(JSONError) -> Int {
        guard has(start, bytes) else { throw JSONError(.unterminated, start) }
        guard bytes[start] == UInt8(ascii: "\"") else { throw JSONError(.stringExpected, start) }
        var position = start &+ 1
        while has(position, bytes) {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") { return position &+ 1 }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position = try afterEscape(position, bytes)
            } else if byte >= 0x80 {
                position = try afterSequence(byte, position, bytes)
            } else if byte >= 0x20 {
                position &+= 1
                if has(position, bytes), isPlain(bytes[position]) {
                    position = afterPlain(position, bytes)
                }
            } else {
                throw JSONError(.controlCharacter, position)
            }
        }
        throw JSONError(.unterminated, position)
    }

    /// Skips a non-ASCII character. Two-byte sequences are the fast path: a text can hold the most
    /// of them.
    @inline(__always) private static func afterSequence(
        _ first: UInt8, _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        if 0xC2...0xDF ~= first, has(position &+ 1, bytes),
            bytes[position &+ 1] & 0xC0 == 0x80
        {
            return position &+ 2
        }
        return try afterLongSequence(position, bytes)
    }

    /// Skips non-ASCII characters up to the next ASCII byte.
    @inline(never) private static func afterLongSequence(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        var position = position
        repeat {
            guard let length = UTF8Sequence.length(at: position, in: bytes) else {
                throw JSONError(.notUTF8, position)
            }
            position &+= length
        } while has(position, bytes) && bytes[position] >= 0x80
        return position
    }

    @inline(__always) private static func isPlain(_ byte: UInt8) -> Bool {
        0x20..<0x80 ~= byte && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Skips an escape sequence (RFC 8259 §7).
    @inline(__always) private static func afterEscape(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        guard has(position &+ 1, bytes) else { throw JSONError(.unterminated, position) }
        let byte = bytes[position &+ 1]
        if byte == UInt8(ascii: "u") { return try afterCodeUnit(position, bytes) }
        guard JSONText.simpleEscape(byte) != nil else { throw JSONError(.escapeInvalid, position) }
        return position &+ 2
    }

    /// Skips `\uXXXX` with any code unit.
    @inline(never) private static func afterCodeUnit(
        _ position: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> Int {
        guard JSONText.isCodeUnit(at: position &+ 2, in: bytes) else {
            throw JSONError(.escapeInvalid, position)
        }
        return position &+ 6
    }

    /// Skips unescaped ASCII characters of a string, eight at a time. The rest of most strings has
    /// no more than eight.
    @inline(__always) private static func afterPlain(_ start: Int, _ bytes: Span<UInt8>) -> Int {
        guard has(start &+ 7, bytes) else { return start }
        let marks = marksOfNotPlain(EightBytes(bytes, at: start))
        return marks != 0
            ? start &+ EightBytes.countBefore(marks) : afterLongPlain(start &+ 8, bytes)
    }

    @inline(never) private static func afterLongPlain(_ start: Int, _ bytes: Span<UInt8>) -> Int {
        var rest = bytes.extracting(droppingFirst: start)
        while rest.count >= 8 {
            let marks = marksOfNotPlain(EightBytes(first: rest))
            if marks != 0 { return bytes.count &- rest.count &+ EightBytes.countBefore(marks) }
            rest = rest.extracting(droppingFirst: 8)
        }
        return bytes.count &- rest.count
    }

    /// Marks the bytes for which `isPlain` is false: as the tests of `EightBytes`, exact up to the
    /// first one.
    @inline(__always) private static func marksOfNotPlain(_ eight: EightBytes) -> UInt64 {
        // A borrow marks a byte; one that is not ASCII is marked itself.
        let (each, word) = (EightBytes.each, eight.word)
        let controls = word &- each &* 0x20
        let quotes = (word ^ each &* UInt64(UInt8(ascii: "\""))) &- each
        let backslashes = (word ^ each &* UInt64(UInt8(ascii: "\\"))) &- each
        return (controls | quotes | backslashes | word) & EightBytes.uppermost
    }

    // MARK: - Bytes

    /// Whether `position` is in bounds. The comparison is the one of the subscript, so the compiler
    /// emits one check.
    @inline(__always) static func has(_ position: Int, _ bytes: Span<UInt8>) -> Bool {
        UInt(bitPattern: position) < UInt(bitPattern: bytes.count)
    }

    /// The next byte that is not white space, and its position.
    @inline(__always) static func nextByte(
        _ start: Int, _ bytes: Span<UInt8>
    ) throws(JSONError) -> (UInt8, Int) {
        let position = afterWhitespace(start, bytes)
        guard has(position, bytes) else { throw JSONError(.unterminated, position) }
        return (bytes[position], position)
    }

    /// Skips `ws` (RFC 8259 §2).
    @inline(__always) static func afterWhitespace(_ start: Int, _ bytes: Span<UInt8>) -> Int {
        var position = start
        while has(position, bytes) {
            let byte = bytes[position]
            // A bit mask of space, tab, line feed and carriage return.
            guard byte <= 0x20, 0x1_0000_2600 as UInt64 &>> UInt64(byte) & 1 == 1 else { break }
            position &+= 1
        }
        return position
    }
}

extension JSONError {
    fileprivate init(_ reason: Reason, _ offset: Int) { self.init(reason: reason, offset: offset) }
}
