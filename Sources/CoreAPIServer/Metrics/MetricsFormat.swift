internal import CoreAPIHTTP

/// A text format of metrics, which the `Accept` field chooses.
enum MetricsFormat {
    /// Prometheus's text format 0.0.4.
    case text
    /// OpenMetrics 1.0.0.
    case openMetrics

    var contentType: StaticString {
        switch self {
        case .text: MediaType.metricsText
        case .openMetrics: MediaType.openMetrics
        }
    }

    /// Chooses OpenMetrics if the scraper accepts version 1.0.0 with a q value not below that of
    /// the text format (RFC 9110 §12.5.1).
    init(accepted: AcceptedTypes) {
        let openMetrics = accepted.weight(
            of: "application/openmetrics-text", versions: ["1.0.0", "\"1.0.0\""])
        let text = max(
            accepted.weight(of: "text/plain"), accepted.weight(of: "text/*"),
            accepted.weight(of: "*/*"))
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}
