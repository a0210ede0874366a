internal import CoreAPIHTTP

extension Problem {
    /// The problem codes. The raw value is the `code` member and, after `urn:core-api:problem:`,
    /// the `type`. docs/problems.md has a section for each code.
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
        case transactionUnknown = "transaction_unknown"
        case methodNotAllowed = "method_not_allowed"
        case requestTimeout = "request_timeout"
        case bodyTooLarge = "body_too_large"
        case targetTooLong = "target_too_long"
        case headersTooLarge = "headers_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case expectationFailed = "expectation_failed"
        case invalidTransaction = "invalid_transaction"
        case idempotencyKeyReused = "idempotency_key_reused"
        case rateLimited = "rate_limited"
        case notImplemented = "not_implemented"
        case overloaded
        case queueUnavailable = "queue_unavailable"
        case keysUnavailable = "keys_unavailable"
        case outcomeUnknown = "outcome_unknown"
        case versionNotSupported = "version_not_supported"

        static let typePrefix = "urn:core-api:problem:"
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
        case .notFound, .transactionUnknown: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .requestTimeout: .requestTimeout
        case .bodyTooLarge: .contentTooLarge
        case .targetTooLong: .uriTooLong
        case .headersTooLarge: .fieldsTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .expectationFailed: .expectationFailed
        case .invalidTransaction, .idempotencyKeyReused: .unprocessableContent
        case .rateLimited: .tooManyRequests
        case .notImplemented: .notImplemented
        case .overloaded, .queueUnavailable, .keysUnavailable: .serviceUnavailable
        case .outcomeUnknown: .gatewayTimeout
        case .versionNotSupported: .versionNotSupported
        }
    }

    /// The title, the same for every occurrence of the code (RFC 9457 §3.1.3).
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
        case .transactionUnknown: "There is no such transaction"
        case .methodNotAllowed: "The resource does not have this method"
        case .requestTimeout: "The request was not complete in time"
        case .bodyTooLarge: "The body is too large"
        case .targetTooLong: "The request target is too long"
        case .headersTooLarge: "The header fields are too large"
        case .unsupportedMediaType: "The body's media type is not supported"
        case .expectationFailed: "The expectation cannot be met"
        case .invalidTransaction: "The body is not a valid transaction"
        case .idempotencyKeyReused: "The idempotency key was used for another transaction"
        case .rateLimited: "The user's rate limit is reached"
        case .notImplemented: "The method or transfer coding is not implemented"
        case .overloaded: "The service has too much to do"
        case .queueUnavailable: "The queue is not available"
        case .keysUnavailable: "The keys to verify tokens by are not available"
        case .outcomeUnknown: "Whether the transaction was enqueued is not known"
        case .versionNotSupported: "The HTTP version is not supported"
        }
    }
}
