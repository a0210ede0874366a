internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// Traces the requests of one loop. Only the loop's thread uses it.
final class RequestTracer {
    private let sampler: TraceSampler
    private let record: (RequestSpans) -> Void
    private var words = InlineArray<32, UInt64>(repeating: 0)
    private var taken = SystemRandom.wordsMax

    /// - Parameter record: takes the spans of a sampled request.
    init(_ sampler: TraceSampler, _ record: @escaping (RequestSpans) -> Void) {
        self.sampler = sampler
        self.record = record
    }

    /// The trace of a request that begins.
    ///
    /// - Parameter caller: the request's `traceparent`; nil without a valid one.
    func begin(_ caller: TraceParent?) -> RequestTrace {
        let high = caller?.traceHigh ?? random()
        let low = caller?.traceLow ?? random()
        let isSampled = sampler.isSampled(caller, traceLow: low)
        func span() -> TraceParent {
            TraceParent(traceHigh: high, traceLow: low, parent: random(), isSampled: isSampled)
        }
        return RequestTrace(server: span(), producer: span(), caller: caller)
    }

    /// Records the spans of a request that is answered, if its trace is sampled.
    ///
    /// - Parameter began: the time at which the request was complete.
    func ended(
        _ trace: RequestTrace, _ note: ExchangeNote, _ state: TraceState?, _ status: HTTPStatus,
        since began: MonotonicTime
    ) {
        guard trace.isSampled else { return }
        let (now, end) = (MonotonicTime.now(), UnixTime.now().nanoseconds)
        record(
            RequestSpans(
                trace: trace, state: trace.caller == nil ? nil : state, status: status.rawValue,
                code: note.code, transactionID: note.transactionID ?? note.unresolvedID,
                began: end - now.nanoseconds(since: began),
                enqueued: trace.enqueued.map { end - now.nanoseconds(since: $0) }, ended: end))
    }

    /// A random number other than 0, which no id may be (W3C Trace Context §3.2.2).
    private func random() -> UInt64 {
        if taken == SystemRandom.wordsMax {
            words = SystemRandom.words()
            taken = 0
        }
        defer { taken += 1 }
        return max(words[taken], 1)
    }
}
