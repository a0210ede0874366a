public import CoreAPIBase

/// Why a transaction was not accepted. Except for `queue(.outcomeUnknown)`, nothing was enqueued.
///
/// The cases stand in the order of the checks, so a caller without a valid token learns nothing
/// about fields.
@nonexhaustive public enum IntakeRefusal: Error, Hashable, Sendable {
    /// The body is not one JSON text.
    case malformedJSON(JSONError)
    /// The body and the `Authorization` field name different tokens (RFC 6750 §2: one method only).
    case tokensDiffer
    /// There is neither a member `token` nor a bearer token.
    case tokenMissing
    /// The token is not believed.
    case token(TokenError)
    /// The token is valid, its `enabled` claim is false.
    case userDisabled
    /// Every field that is missing, given twice, of the wrong type, or out of bounds.
    case invalid([FieldProblem])
    /// The queue did not confirm the transaction.
    case queue(QueueError)
}

/// What is wrong with one field, in words for the caller.
public struct FieldProblem: Hashable, Sendable {
    /// A JSON Pointer (RFC 6901) without its `#`: `/amount`; empty for the whole body.
    public let pointer: String
    /// What would be right.
    public let detail: String

    /// A problem of one's own, for tests of what is made of them.
    public init(pointer: String, detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}
