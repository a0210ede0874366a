internal import CoreAPIKit

/// `GET /health` and its kin (draft-inadarei-api-health-check-06).
struct HealthEndpoint {
    enum Probe: Equatable {
        /// The service and what it depends on.
        case health
        /// The process runs.
        case live
        /// Requests can be served: Redis answers, and the server does not drain.
        case ready
    }

    /// Nil where there is no Redis.
    private let monitor: RedisMonitor?

    init(monitor: RedisMonitor?) { self.monitor = monitor }

    /// - Parameter acceptsHealthJSON: whether the caller asks for the media type of the draft.
    func response(
        _ probe: Probe, drains: Bool, acceptsHealthJSON: Bool
    ) async -> Response {
        var check: RedisMonitor.Check?
        if probe != .live { check = await monitor?.check() }
        var status = check?.status ?? .pass
        if probe == .ready, drains { status = .fail }
        var json = JSONWriter()
        json.raw("{\"checks\": {")
        if let check { write(check, to: &json) }
        json.raw("}, \"status\": ")
        json.text(status.rawValue)
        json.raw("}")
        return Response(
            status: status == .fail ? .serviceUnavailable : .ok,
            contentType: acceptsHealthJSON ? .health : .json, body: json.bytes,
            retryAfterSeconds: status == .fail ? 1 : nil)
    }

    /// The words of the draft, §3.1.
    enum Status: String { case pass, warn, fail }

    private func write(_ check: RedisMonitor.Check, to json: inout JSONWriter) {
        json.raw("\"redis:responseTime\": [{\"componentType\":\"datastore\"")
        switch check.result {
        case .success(let microseconds):
            json.raw(",\"observedValue\":")
            json.integer(microseconds / 1000)
            json.raw(".")
            json.integer(microseconds % 1000, width: 3)
            json.raw(",\"observedUnit\":\"ms\",\"status\":\"pass\"")
        case .failure(let failure):
            json.raw(",\"status\":\"fail\",\"output\":")
            json.text(failure.rawValue)
        }
        json.raw(",\"time\":")
        json.text(check.time.timestamp)
        json.raw("}]")
        if let durability = check.durability { write(durability, check.time, to: &json) }
    }

    private func write(
        _ durability: RedisMonitor.Durability, _ time: UnixTime, to json: inout JSONWriter
    ) {
        json.raw(",\"redis:durability\": [{\"componentType\":\"datastore\",\"observedValue\":")
        switch durability {
        case .memoryOnly:
            json.text("memory")
            json.raw(",\"status\":\"warn\",\"output\":")
            json.text("Redis has neither an append-only file nor a replica: a 200 may be lost")
        case .kept(let appendOnlyFile, let replicas):
            json.text((appendOnlyFile ? "append-only file, " : "") + "replicas: \(replicas)")
            json.raw(",\"status\":\"pass\"")
        }
        json.raw(",\"time\":")
        json.text(time.timestamp)
        json.raw("}]")
    }

    /// Whether `Accept` names `application/health+json` (RFC 9110 §12.5.1), at whatever quality.
    static func acceptsHealthJSON(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
        guard let accept = head.accept else { return false }
        var start = accept.lowerBound
        while start < accept.upperBound {
            let comma = ASCII.find(UInt8(ascii: ","), start..<accept.upperBound, of: bytes)
            let end = comma ?? accept.upperBound
            let semicolon = ASCII.find(UInt8(ascii: ";"), start..<end, of: bytes) ?? end
            let type = Grammar.trimmed(start..<semicolon, bytes)
            if Grammar.equalsIgnoringCase("application/health+json", type, bytes) { return true }
            start = end + 1
        }
        return false
    }
}
