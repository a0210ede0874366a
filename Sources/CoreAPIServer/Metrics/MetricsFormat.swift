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
    /// - Parameter accepted: the media ranges of the `Accept` field; empty without such a field.
    init(accepted: [MediaRange]) {
        var openMetrics = 0.0
        var text = 0.0
        for range in accepted {
            switch range.type {
            case "application/openmetrics-text" where isKnown(range.parameters):
                openMetrics = max(openMetrics, range.quality)
            case "text/plain", "text/*", "*/*":
                text = max(text, range.quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}

/// Whether the parameters of OpenMetrics name a supported version or no version.
private func isKnown(_ parameters: [String]) -> Bool {
    guard let version = parameters.first(where: { $0.hasPrefix("version=") }) else { return true }
    return ["version=1.0.0", "version=\"1.0.0\""].contains(version)
}
