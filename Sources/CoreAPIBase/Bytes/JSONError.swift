/// Why bytes are not one JSON text (RFC 8259), and the offset of the error.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The grammar rule that the bytes violate.
    @nonexhaustive public enum Reason: String, Sendable {
        /// No value starts here (RFC 8259 §3).
        case valueExpected = "a JSON value was expected"
        /// A member's name is not a string (§4).
        case stringExpected = "a string in quotation marks was expected"
        /// A member's name is not followed by a colon (§4).
        case colonExpected = "a colon was expected"
        /// A member or an element is followed by neither a comma nor the end (§4, §5).
        case commaOrEndExpected = "a comma or the end of the object or array was expected"
        /// A number lacks a digit (§6).
        case digitExpected = "a digit was expected"
        /// A number starts with a 0 before another digit, such as `01` (§6).
        case leadingZero = "a number must not begin with 0"
        /// A string contains an unescaped character from U+0000 to U+001F (§7).
        case controlCharacter = "a control character in a string must be escaped"
        /// A backslash starts no known escape sequence (§7).
        case escapeInvalid = "not an escape sequence of JSON"
        /// The bytes are not well-formed UTF-8 (§8.1).
        case notUTF8 = "not UTF-8"
        /// The bytes end before the value does.
        case unterminated = "the text ends too early"
        /// Bytes follow the value: a text is one value (§2).
        case trailingText = "text after the end of the value"
        /// Containers nest deeper than this package's limit, as §9 allows.
        case tooDeep = "nested deeper than 32 levels"
        /// Arrays and inner objects have more values than this package's limit, as §9 allows.
        case tooManyValues = "more than 2,048 values in arrays and inner objects"
    }

    /// The violated rule.
    public let reason: Reason
    /// The number of bytes before the error.
    public let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The reason and the offset as text.
    public var description: String { "\(reason.rawValue), at byte \(offset)" }
}
