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

    mutating func word(_ traceParent: TraceParent) {
        word(count: TraceParent.length) { traceParent.append(to: &$0) }
    }
}
