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
    ///
    /// - Parameter accept: the value of the `Accept` field; nil if the request has no such field.
    init(accept: String?) {
        var openMetrics = 0.0
        var text = 0.0
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { trimmed($0).lowercased() }
            let parameters = parts.dropFirst()
            let quality = parameters.first { $0.hasPrefix("q=") }.flatMap {
                Double($0.dropFirst(2))
            }
            switch parts.first {
            case "application/openmetrics-text" where isKnown(parameters):
                openMetrics = max(openMetrics, quality ?? 1)
            case "text/plain", "text/*", "*/*":
                text = max(text, quality ?? 1)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}

/// Whether the parameters of OpenMetrics name a supported version or no version.
private func isKnown(_ parameters: ArraySlice<String>) -> Bool {
    guard let version = parameters.first(where: { $0.hasPrefix("version=") }) else { return true }
    return ["version=1.0.0", "version=\"1.0.0\""].contains(version)
}

private func trimmed(_ text: Substring) -> Substring {
    var rest = text.drop { $0 == " " || $0 == "\t" }
    while rest.last == " " || rest.last == "\t" { rest.removeLast() }
    return rest
}
