internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// A refusal as problem details (RFC 9457).
struct Problem: Error {
    let code: Code
    /// Tells the caller how to correct the request; shows no internals.
    let detail: String
    /// The invalid fields, for `invalid_transaction`.
    var fields: [FieldProblem] = []
    /// Additional header fields, besides the fields of the code.
    var header: [(name: StaticString, value: String)] = []

    /// The problem as an HTTP response.
    var response: Response {
        var json = JSONWriter()
        json.raw("{\"type\":")
        json.text(Code.typePrefix + code.rawValue)
        json.raw(",\"title\":")
        json.text(code.title)
        json.raw(",\"status\":")
        json.integer(code.status.rawValue)
        json.raw(",\"detail\":")
        json.text(detail)
        json.raw(",\"code\":")
        json.text(code.rawValue)
        json.raw(",\"error\":")
        json.text(detail)
        if !fields.isEmpty { Problem.write(fields, to: &json) }
        json.raw("}")
        var lines = ResponseFields()
        for (name, value) in header { lines.add(name, value) }
        if code.status == .serviceUnavailable { lines.add("Retry-After", "\(retrySeconds)") }
        if code.status == .unauthorized { lines.add("WWW-Authenticate", authenticate) }
        return Response(
            status: code.status, contentType: MediaType.problem, fields: lines, body: json.bytes)
    }

    /// After how many seconds a refusal with status 503 may be over. A key set that is away is
    /// fetched once in 5 to 10 s.
    private var retrySeconds: Int {
        code == .keysUnavailable ? KeySetStateMachine.retrySeconds : 1
    }

    /// The `WWW-Authenticate` field. RFC 6750 §3.1: no `error` for a request without a token.
    private var authenticate: String {
        code == .tokenMissing ? "Bearer" : "Bearer error=\"invalid_token\""
    }

    private static func write(_ fields: [FieldProblem], to json: inout JSONWriter) {
        json.raw(",\"errors\":[")
        for (index, field) in fields.enumerated() {
            json.raw(index == 0 ? "{\"pointer\":" : ",{\"pointer\":")
            json.text(field.pointer.isEmpty ? "" : "#\(field.pointer)")
            json.raw(",\"detail\":")
            json.text(field.detail)
            json.raw("}")
        }
        json.raw("]")
    }
}
