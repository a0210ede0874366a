internal import CoreAPIBase
internal import CoreAPIKit

/// A request's trace: the caller's, or a new one, with the ids of the request's two spans.
struct RequestTrace {
    /// The trace, and as its parent the server's span.
    let server: TraceParent
    /// The trace, and as its parent the producer's span: the context that the job carries.
    let producer: TraceParent
    /// The caller's span; nil without a caller's trace.
    let caller: TraceParent?
    /// The time at which the transaction was handed to the queue; nil if it was refused before.
    var enqueued: MonotonicTime?

    /// Whether the spans are recorded.
    var isSampled: Bool { server.isSampled }
}
