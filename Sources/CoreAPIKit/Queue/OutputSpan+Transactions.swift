internal import CoreAPIBase
internal import CoreAPIRedis

/// The values of a transaction as words of a command.
extension OutputSpan<UInt8> {
    mutating func word(_ id: TransactionID) {
        word(count: TransactionID.textLength) { id.append(to: &$0) }
    }

    mutating func word(_ currency: CurrencyCode) {
        word(count: CurrencyCode.length) { currency.append(to: &$0) }
    }

    /// The trace as one word: `TRACEPARENT`, or `TRACEPARENT TRACESTATE`.
    mutating func word(_ traceParent: TraceParent, _ traceState: TraceState?) {
        let count = TraceParent.length + (traceState.map { 1 + $0.utf8.count } ?? 0)
        word(count: count) { word in
            traceParent.append(to: &word)
            guard let traceState else { return }
            word.append(" ")
            word.append(copying: traceState.utf8.span)
        }
    }
}
