internal import CoreAPIKit

/// An answer: its status, its body, and the fields that some answers have.
struct Response {
    var status: HTTPStatus
    var contentType: ContentType?
    var body: [UInt8] = []
    /// What a refusal is called; nil for what is none.
    var code: Problem.Code?
    /// `Transaction-Id`.
    var transactionID: TransactionID?
    /// The transaction of which it is not known whether it is enqueued: for the log alone, since a
    /// retry with the same key may be answered by another.
    var unresolvedID: TransactionID?
    /// `Idempotent-Replayed: true`: an earlier request with the same key was answered by this.
    var isReplayed = false
    /// `Allow` (RFC 9110 §10.2.1).
    var allow: StaticString?
    /// `Accept-Encoding: identity` (RFC 9110 §12.5.3): the request had another coding.
    var refusesEncoding = false
    /// `Retry-After`, in seconds (RFC 9110 §10.2.3).
    var retryAfterSeconds: Int?
    /// `WWW-Authenticate` (RFC 6750 §3).
    var authenticate: StaticString?

    enum ContentType {
        case json
        case problem
        case health
        case metricsText
        case openMetrics

        var name: StaticString {
            switch self {
            case .json: "application/json"
            case .problem: "application/problem+json"
            case .health: "application/health+json"
            case .metricsText: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }
}

/// The status codes that this server sends (RFC 9110 §15), with their reason phrases.
enum HTTPStatus: Int {
    case ok = 200
    case noContent = 204
    case badRequest = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case contentTooLarge = 413
    case uriTooLong = 414
    case unsupportedMediaType = 415
    case expectationFailed = 417
    case unprocessableContent = 422
    case fieldsTooLarge = 431
    case notImplemented = 501
    case serviceUnavailable = 503
    case gatewayTimeout = 504
    case versionNotSupported = 505

    var reason: String {
        switch self {
        case .ok: "OK"
        case .noContent: "No Content"
        case .badRequest: "Bad Request"
        case .unauthorized: "Unauthorized"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .requestTimeout: "Request Timeout"
        case .contentTooLarge: "Content Too Large"
        case .uriTooLong: "URI Too Long"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .expectationFailed: "Expectation Failed"
        case .unprocessableContent: "Unprocessable Content"
        case .fieldsTooLarge: "Request Header Fields Too Large"
        case .notImplemented: "Not Implemented"
        case .serviceUnavailable: "Service Unavailable"
        case .gatewayTimeout: "Gateway Timeout"
        case .versionNotSupported: "HTTP Version Not Supported"
        }
    }
}
