internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// A refusal as problem details (RFC 9457).
struct Problem: Error {
    let code: Code
    /// What would be right, for the caller; nothing of the inside.
    let detail: String
    /// The fields that are wrong, for `invalid_transaction`.
    var fields: [FieldProblem] = []
    /// Header fields that this refusal has besides those of its code.
    var header: [(name: StaticString, value: String)] = []

    /// Every refusal there is. The raw value is the `code` member and, after
    /// `urn:core-api:problem:`, the `type`; docs/problems.md has a section for each.
    enum Code: String, CaseIterable {
        case malformedRequest = "malformed_request"
        case malformedJSON = "malformed_json"
        case invalidIdempotencyKey = "invalid_idempotency_key"
        case tokenMissing = "token_missing"
        case tokenMalformed = "token_malformed"
        case tokenSignatureInvalid = "token_signature_invalid"
        case tokenExpired = "token_expired"
        case tokenNotYetValid = "token_not_yet_valid"
        case tokenClaimsInvalid = "token_claims_invalid"
        case userDisabled = "user_disabled"
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case requestTimeout = "request_timeout"
        case bodyTooLarge = "body_too_large"
        case targetTooLong = "target_too_long"
        case headersTooLarge = "headers_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case expectationFailed = "expectation_failed"
        case invalidTransaction = "invalid_transaction"
        case idempotencyKeyReused = "idempotency_key_reused"
        case notImplemented = "not_implemented"
        case overloaded
        case queueUnavailable = "queue_unavailable"
        case outcomeUnknown = "outcome_unknown"
        case versionNotSupported = "version_not_supported"

        static let typePrefix = "urn:core-api:problem:"
    }

    /// The answer that says so.
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
        if code.status == .serviceUnavailable { lines.add("Retry-After", "1") }
        if code.status == .unauthorized { lines.add("WWW-Authenticate", authenticate) }
        return Response(
            status: code.status, contentType: MediaType.problem, fields: lines, body: json.bytes)
    }

    /// RFC 6750 §3.1: without a token no error is named.
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

extension Problem.Code {
    var status: HTTPStatus {
        switch self {
        case .malformedRequest, .malformedJSON, .invalidIdempotencyKey: .badRequest
        case .tokenMissing, .tokenMalformed, .tokenSignatureInvalid, .tokenExpired,
            .tokenNotYetValid, .tokenClaimsInvalid:
            .unauthorized
        case .userDisabled: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .requestTimeout: .requestTimeout
        case .bodyTooLarge: .contentTooLarge
        case .targetTooLong: .uriTooLong
        case .headersTooLarge: .fieldsTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .expectationFailed: .expectationFailed
        case .invalidTransaction, .idempotencyKeyReused: .unprocessableContent
        case .notImplemented: .notImplemented
        case .overloaded, .queueUnavailable: .serviceUnavailable
        case .outcomeUnknown: .gatewayTimeout
        case .versionNotSupported: .versionNotSupported
        }
    }

    /// The same for every occurrence (RFC 9457 §3.1.3).
    var title: String {
        switch self {
        case .malformedRequest: "The request is not valid HTTP/1.1"
        case .malformedJSON: "The body is not valid JSON"
        case .invalidIdempotencyKey: "The idempotency key is not valid"
        case .tokenMissing: "A token is needed"
        case .tokenMalformed: "The token is malformed"
        case .tokenSignatureInvalid: "The token's signature is invalid"
        case .tokenExpired: "The token has expired"
        case .tokenNotYetValid: "The token is not valid yet"
        case .tokenClaimsInvalid: "The token's claims are not accepted"
        case .userDisabled: "The user is disabled"
        case .notFound: "There is no such resource"
        case .methodNotAllowed: "The resource does not have this method"
        case .requestTimeout: "The request was not complete in time"
        case .bodyTooLarge: "The body is too large"
        case .targetTooLong: "The request target is too long"
        case .headersTooLarge: "The header fields are too large"
        case .unsupportedMediaType: "The body's media type is not supported"
        case .expectationFailed: "The expectation cannot be met"
        case .invalidTransaction: "The body is not a valid transaction"
        case .idempotencyKeyReused: "The idempotency key was used for another transaction"
        case .notImplemented: "The method or transfer coding is not implemented"
        case .overloaded: "The service has too much to do"
        case .queueUnavailable: "The queue is not available"
        case .outcomeUnknown: "Whether the transaction was enqueued is not known"
        case .versionNotSupported: "The HTTP version is not supported"
        }
    }
}
