/// The media types of responses.
enum MediaType {
    static var json: StaticString { "application/json" }
    static var html: StaticString { "text/html; charset=utf-8" }
    static var css: StaticString { "text/css; charset=utf-8" }
    static var javaScript: StaticString { "text/javascript; charset=utf-8" }
    static var svg: StaticString { "image/svg+xml" }
    /// RFC 9457.
    static var problem: StaticString { "application/problem+json" }
    /// draft-inadarei-api-health-check-06.
    static var health: StaticString { "application/health+json" }
    /// Prometheus's text format 0.0.4.
    static var metricsText: StaticString { "text/plain; version=0.0.4; charset=utf-8" }
    static var openMetrics: StaticString {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
}
