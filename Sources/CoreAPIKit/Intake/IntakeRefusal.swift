/// Why a transaction was not accepted. Except for `queue(.outcomeUnknown)`, nothing was enqueued.
///
/// The cases stand in the order of the checks, so a caller without a valid token learns nothing
/// about fields.
public enum IntakeRefusal: Error, Hashable, Sendable {
    /// The body is not one JSON text.
    case malformedJSON(JSONError)
    /// The body and the `Authorization` field name different tokens (RFC 6750 §2: one method only).
    case tokensDiffer
    case tokenMissing
    case token(TokenError)
    /// The token is valid, its `enabled` claim is false.
    case userDisabled
    /// Every field that is missing, given twice, of the wrong type, or out of bounds.
    case invalid([FieldProblem])
    case queue(QueueError)
}

/// What is wrong with one field, in words for the caller.
public struct FieldProblem: Hashable, Sendable {
    /// A JSON Pointer (RFC 6901) without its `#`: `/amount`; empty for the whole body.
    public let pointer: String
    /// What would be right.
    public let detail: String

    public init(pointer: String, detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}
