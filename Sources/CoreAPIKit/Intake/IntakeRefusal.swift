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
    /// The request has neither a member `token` nor a bearer token.
    case tokenMissing
    /// The verifier refuses the token.
    case token(TokenError)
    /// The token is valid, but its `enabled` claim is false.
    case userDisabled
    /// Fields are missing, given twice, of the wrong type, or out of bounds. The array has all of
    /// them.
    case invalid([FieldProblem])
    /// The queue did not confirm the transaction.
    case queue(QueueError)
}

/// A problem of one field, as the caller gets it.
public struct FieldProblem: Hashable, Sendable {
    /// A JSON Pointer (RFC 6901) without its `#`: `/amount`; empty for the whole body.
    public let pointer: String
    /// A description of a valid value.
    public let detail: String

    /// A problem of a field; a test of an embedder's error handling may make one.
    public init(pointer: String, detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}
