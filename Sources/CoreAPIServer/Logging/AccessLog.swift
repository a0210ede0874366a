internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import Logging

/// The access log: one line for each request if `ACCESS_LOG_LEVEL` is set, and always a warning
/// for a transaction with an unknown outcome.
///
/// A line holds no bytes of the caller except the request id: any other field may hold a token.
struct AccessLog {
    private let logger: Logger
    private let level: Logger.Level?

    /// - Parameter level: the level of each request's line; nil disables these lines.
    init(_ logger: Logger, level: Logger.Level?) {
        self.logger = logger
        // The level is compared once, so that a disabled line costs nothing on the hot path.
        self.level = level.flatMap { $0 >= logger.logLevel ? $0 : nil }
    }

    /// - Parameters:
    ///   - span: the server's span, if the request is traced.
    ///   - began: the time at which the request was complete.
    func answered(
        _ status: HTTPStatus, _ note: ExchangeNote, _ span: TraceParent?, _ input: Span<UInt8>,
        _ id: RequestID, since began: MonotonicTime
    ) {
        if let transaction = note.unresolvedID {
            logger.warning(
                "outcome unknown: look for the transaction in the queue",
                metadata: AccessLog.names(note, span, input, id)
                    .merging(["transaction_id": "\(transaction)"]) { $1 })
        }
        guard let level else { return }
        var metadata = AccessLog.names(note, span, input, id)
        metadata["status"] = "\(status.rawValue)"
        metadata["duration_ms"] = "\(AccessLog.milliseconds(since: began))"
        metadata["method"] = "\(note.method?.rawValue ?? "-")"
        metadata["route"] = "\(ResourceName.all[note.resource])"
        if let transaction = note.transactionID {
            metadata["transaction_id"] = "\(transaction)"
        }
        logger.log(level: level, "request", metadata: metadata)
    }

    private static func names(
        _ note: ExchangeNote, _ span: TraceParent?, _ input: Span<UInt8>, _ id: RequestID
    ) -> Logger.Metadata {
        var names: Logger.Metadata = ["request_id": "\(id.text(input))"]
        let caller = note.traceParent.flatMap { TraceParent(field: $0, input) }
        if let trace = span ?? caller { names["trace_id"] = "\(trace.traceID)" }
        return names
    }

    /// The elapsed milliseconds with three decimal digits.
    private static func milliseconds(since began: MonotonicTime) -> String {
        let microseconds = Int(MonotonicTime.now().nanoseconds(since: began) / 1_000)
        var text: [UInt8] = []
        text.append(thousandths: microseconds)
        return String(decoding: text, as: UTF8.self)
    }
}
