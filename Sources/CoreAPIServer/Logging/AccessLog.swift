internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit
internal import Logging

/// What is logged of single requests: one line for each if `ACCESS_LOG_LEVEL` asks for it, and
/// always a line for a transaction of which nobody knows whether it is enqueued.
///
/// Nothing of a caller's bytes is in it but the request's name: a token may stand anywhere.
struct AccessLog {
    private let logger: Logger
    private let level: Logger.Level?

    /// - Parameter level: of the line for each request; nil for none.
    init(_ logger: Logger, level: Logger.Level?) {
        self.logger = logger
        // Asked once: a line that nobody will see is not to cost anything.
        self.level = level.flatMap { $0 >= logger.logLevel ? $0 : nil }
    }

    /// - Parameters:
    ///   - head: nil if the request has none that could be read.
    ///   - began: when the request was complete.
    func answered(
        _ status: HTTPStatus, _ note: ExchangeNote, to head: RequestHead?, _ input: Span<UInt8>,
        _ id: RequestID, since began: MonotonicTime
    ) {
        if let transaction = note.unresolvedID {
            logger.warning(
                "outcome unknown: look for the transaction in the queue",
                metadata: AccessLog.names(head, input, id)
                    .merging(["transaction_id": "\(transaction)"]) { $1 })
        }
        guard let level else { return }
        var metadata = AccessLog.names(head, input, id)
        metadata["status"] = "\(status.rawValue)"
        metadata["duration_ms"] = "\(AccessLog.milliseconds(since: began))"
        metadata["method"] = "\(head?.method.rawValue ?? "-")"
        metadata["route"] = "\(ResourceName.all[note.resource])"
        if let transaction = note.transactionID {
            metadata["transaction_id"] = "\(transaction)"
        }
        logger.log(level: level, "request", metadata: metadata)
    }

    private static func names(
        _ head: RequestHead?, _ input: Span<UInt8>, _ id: RequestID
    ) -> Logger.Metadata {
        var names: Logger.Metadata = ["request_id": "\(id.text(input))"]
        if let field = head?.traceParent, let trace = TraceParent(field: field, input) {
            names["trace_id"] = "\(trace.traceID)"
        }
        return names
    }

    /// With three digits of fraction.
    private static func milliseconds(since began: MonotonicTime) -> String {
        let microseconds = Int(MonotonicTime.now().nanoseconds(since: began) / 1_000)
        var text: [UInt8] = []
        text.append(thousandths: microseconds)
        return String(decoding: text, as: UTF8.self)
    }
}
