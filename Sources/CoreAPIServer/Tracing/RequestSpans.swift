internal import CoreAPIKit

/// What is exported of one request: the server's span, and the producer's if the transaction
/// reached the queue. Times are in nanoseconds since 1970.
struct RequestSpans {
    let trace: RequestTrace
    let state: TraceState?
    /// The status of the answer.
    let status: Int
    /// The code of a refusal.
    let code: Problem.Code?
    /// The transaction that the queue has confirmed, or whose outcome is unknown.
    let transactionID: TransactionID?
    let began: Int64
    /// When the producer's span began; nil without one.
    let enqueued: Int64?
    let ended: Int64

    /// The number of spans.
    var count: Int { enqueued == nil ? 1 : 2 }
}
