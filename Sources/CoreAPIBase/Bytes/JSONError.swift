/// Why bytes are not one JSON text (RFC 8259), and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong, as a closed list.
    @nonexhaustive public enum Reason: String, Sendable {
        /// RFC 8259 §3.
        case valueExpected = "a JSON value was expected"
        /// A member's name is a string (§4).
        case stringExpected = "a string in quotation marks was expected"
        /// Between a member's name and its value (§4).
        case colonExpected = "a colon was expected"
        /// After a member or an element (§4, §5).
        case commaOrEndExpected = "a comma or the end of the object or array was expected"
        /// In a number (§6).
        case digitExpected = "a digit was expected"
        /// `01` is no number (§6).
        case leadingZero = "a number must not begin with 0"
        /// U+0000 to U+001F (§7).
        case controlCharacter = "a control character in a string must be escaped"
        /// After a backslash (§7).
        case escapeInvalid = "not an escape sequence of JSON"
        /// RFC 8259 §8.1.
        case notUTF8 = "not UTF-8"
        /// The bytes end within the value.
        case unterminated = "the text ends too early"
        /// A text is one value (§2).
        case trailingText = "text after the end of the value"
        /// A limit of this package, as §9 allows.
        case tooDeep = "nested deeper than 32 levels"
    }

    /// What was wrong.
    public let reason: Reason
    /// Where the error was found: the number of bytes before it.
    public let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The reason and the offset, in words.
    public var description: String { "\(reason.rawValue), at byte \(offset)" }
}
