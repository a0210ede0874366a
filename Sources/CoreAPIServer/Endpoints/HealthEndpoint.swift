internal import CoreAPIHTTP
internal import CoreAPIKit

/// `GET /health`, `/health/live` and `/health/ready` (draft-inadarei-api-health-check-06).
struct HealthEndpoint {
    enum Probe: Equatable {
        /// `/health`: the service and its dependencies.
        case health
        /// `/health/live`: the process runs.
        case live
        /// `/health/ready`: Redis would probably accept the next transaction, there are keys to
        /// verify tokens by, and the server does not drain.
        case ready
    }

    /// The loop's Redis monitor; nil if the queue is not in Redis.
    private let monitor: RedisMonitor?
    /// The keys that tokens are verified by; nil if the endpoint does not report them.
    private let keys: TokenKeys?
    private let thresholds: HealthThresholds

    init(
        monitor: RedisMonitor?, keys: TokenKeys? = nil,
        thresholds: HealthThresholds = HealthThresholds()
    ) {
        self.monitor = monitor
        self.keys = keys
        self.thresholds = thresholds
    }

    /// - Parameters:
    ///   - acceptsHealthJSON: whether the caller accepts the draft's media type.
    ///   - showsChecks: whether the response includes the checks besides the status.
    func response(
        _ probe: Probe, drains: Bool, acceptsHealthJSON: Bool, showsChecks: Bool
    ) async -> Response {
        var checks = await checks(probe)
        var status = HealthCheck.Status.worst(of: checks.map(\.status))
        // The contract: without Redis, the body is what the Python service said.
        if !showsChecks || monitor == nil { checks = [] }
        if probe == .ready, drains { status = .fail }
        var json = JSONWriter()
        json.raw("{\"checks\": {")
        for (index, check) in checks.enumerated() {
            if index > 0 { json.raw(",") }
            check.write(to: &json)
        }
        json.raw("}, \"status\": ")
        json.text(status.rawValue)
        json.raw("}")
        var fields = ResponseFields()
        if status == .fail { fields.add("Retry-After", "1") }
        return Response(
            status: status == .fail ? .serviceUnavailable : .ok,
            contentType: acceptsHealthJSON ? MediaType.health : MediaType.json, fields: fields,
            body: json.bytes)
    }

    private func checks(_ probe: Probe) async -> [HealthCheck] {
        guard probe != .live else { return [] }
        let keys = keys?.status.map { HealthCheck.checks(of: $0) } ?? []
        guard let monitor else { return keys }
        guard probe == .health else {
            return HealthCheck.checks(of: await monitor.check()) + keys
        }
        // Run both probes concurrently, so that together they take at most a second.
        async let queue = monitor.queueCheck()
        let redis = HealthCheck.checks(of: await monitor.check())
        guard let queue = await queue else { return redis + keys }
        return redis + HealthCheck.checks(of: queue, thresholds) + keys
    }

    /// Whether `Accept` names `application/health+json` (RFC 9110 §12.5.1).
    static func acceptsHealthJSON(_ accepted: AcceptedTypes) -> Bool {
        accepted.weight(of: MediaType.health) > 0
    }
}
