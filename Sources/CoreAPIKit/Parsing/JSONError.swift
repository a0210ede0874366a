/// Why bytes are not one JSON text (RFC 8259), and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong, as a closed list.
    public enum Reason: String, Sendable {
        case valueExpected = "a JSON value was expected"
        case stringExpected = "a string in quotation marks was expected"
        case colonExpected = "a colon was expected"
        case commaOrEndExpected = "a comma or the end of the object or array was expected"
        case digitExpected = "a digit was expected"
        case leadingZero = "a number must not begin with 0"
        case controlCharacter = "a control character in a string must be escaped"
        case escapeInvalid = "not an escape sequence of JSON"
        case surrogateLone = "an escape sequence has one half of a surrogate pair"
        case notUTF8 = "not UTF-8"
        case unterminated = "the text ends too early"
        case trailingText = "text after the end of the value"
        case tooDeep = "nested deeper than 32 levels"
    }

    public let reason: Reason
    /// Where the error was found: the number of bytes before it.
    public let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "\(reason.rawValue), at byte \(offset)" }
}
