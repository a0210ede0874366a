/// Which resources a listener has.
enum Site {
    /// What callers need.
    case callers
    /// The metrics as well: `METRICS_PORT` is `HTTP_PORT`.
    case callersAndMetrics
    /// Metrics and health, on a port of their own.
    case operators

    func has(_ resource: Resource) -> Bool {
        switch resource {
        case .transaction, .description: self != .operators
        case .metrics: self != .callers
        case .health, .live, .ready, .server: true
        case .other, .unread: false
        }
    }

    /// The methods of the server as a whole (RFC 9110 §9.3.7).
    var methods: StaticString {
        self == .operators ? "GET, HEAD, OPTIONS" : "GET, HEAD, POST, OPTIONS"
    }

    /// What a caller who asked for something else is told.
    var description: String {
        let health = "/health, /health/live, /health/ready"
        return switch self {
        case .callers: "there are /transaction, \(health) and /openapi.json"
        case .callersAndMetrics: "there are /transaction, \(health), /metrics and /openapi.json"
        case .operators: "there are \(health) and /metrics"
        }
    }
}
