internal import CoreAPIHTTP
internal import CoreAPIKit
internal import CoreAPIRedis

extension Problem {
    /// Maps every refusal of the intake to a problem. Add a new intake refusal here.
    init(_ refusal: IntakeRefusal) {
        switch refusal {
        case .malformedJSON(let error):
            self.init(code: .malformedJSON, detail: "the body is not one JSON text: \(error)")
        case .tokensDiffer:
            self.init(
                code: .malformedRequest,
                detail: "the body and the Authorization field have different tokens: send one")
        case .tokenMissing:
            self.init(
                code: .tokenMissing,
                detail: "give a token, as the member \"token\" or as Authorization: Bearer")
        case .token(let error): self.init(error)
        case .userDisabled:
            self.init(code: .userDisabled, detail: "the token's user is not enabled")
        case .invalid(let fields):
            self.init(
                code: .invalidTransaction,
                detail: fields.map(\.detail).joined(separator: "; "), fields: fields)
        case .queue(let error): self.init(error)
        }
    }

    private init(_ error: TokenError) {
        switch error {
        case .malformed(let flaw):
            self.init(code: .tokenMalformed, detail: "the token is malformed: \(flaw.rawValue)")
        case .signatureInvalid:
            self.init(
                code: .tokenSignatureInvalid,
                detail: "the token is not signed by the Auth API")
        case .keyUnknown:
            self.init(
                code: .tokenSignatureInvalid,
                detail: "the token is not signed by the Auth API: its kid is unknown")
        case .keysUnavailable:
            self.init(
                code: .keysUnavailable,
                detail: "the keys of the Auth API are not there: it is safe to try again")
        case .expired:
            self.init(code: .tokenExpired, detail: "the token has expired: get a new one")
        case .notYetValid:
            self.init(code: .tokenNotYetValid, detail: "the token's nbf lies in the future")
        case .claimInvalid(let claim):
            self.init(
                code: .tokenClaimsInvalid, detail: "the token is not accepted: \(claim.rawValue)")
        }
    }

    private init(_ error: QueueError) {
        switch error {
        case .unavailable(.backlogFull):
            self.init(
                code: .overloaded,
                detail: "too many transactions wait for the queue: it is safe to try again")
        case .full, .unavailable:
            self.init(
                code: .queueUnavailable,
                detail: "the transaction was not enqueued: it is safe to try again")
        case .idempotencyKeyReused:
            self.init(
                code: .idempotencyKeyReused,
                detail: "the key was used within 24 hours with another amount or currency: "
                    + "choose a new key for a new transaction")
        case .rateLimited(let seconds):
            self.init(
                code: .rateLimited,
                detail: "the user has as many transactions as the limit allows: "
                    + "try again in \(seconds) s",
                header: [("Retry-After", "\(seconds)")])
        case .outcomeUnknown:
            self.init(
                code: .outcomeUnknown,
                detail: "the queue did not confirm the transaction in time: it may be enqueued; "
                    + "a retry with the same Idempotency-Key is safe")
        }
    }

    /// Maps every refusal of the HTTP layer to a problem. Add a new HTTP refusal here.
    init(_ refusal: HTTPRefusal, _ limits: HTTPLimits) {
        switch refusal {
        case .malformed(let reason):
            self.init(code: .malformedRequest, detail: reason.rawValue)
        case .targetTooLong:
            self.init(
                code: .targetTooLong,
                detail: "the request target may have \(limits.targetBytesMax) bytes")
        case .fieldsTooLarge:
            self.init(
                code: .headersTooLarge,
                detail: "the head may have \(limits.headBytesMax) bytes and "
                    + "\(limits.fieldsMax) fields, and its lists "
                    + "\(Grammar.listElementsMax) elements")
        case .bodyTooLarge:
            self.init(
                code: .bodyTooLarge,
                detail: "the body may have \(limits.bodyBytesMax) bytes, its chunk framing "
                    + "\(limits.chunkOverheadBytesMax) bytes and \(limits.fieldsMax) trailer fields"
            )
        case .expectationUnknown:
            self.init(
                code: .expectationFailed, detail: "only Expect: 100-continue can be met")
        case .transferCodingUnknown:
            self.init(
                code: .notImplemented, detail: "the only transfer coding known is chunked")
        case .methodUnknown:
            self.init(code: .notImplemented, detail: "the method is not known here")
        case .versionNotSupported:
            self.init(code: .versionNotSupported, detail: "send HTTP/1.1")
        case .timedOut:
            self.init(code: .requestTimeout, detail: "the request was not complete in time")
        case .tooMuchInput:
            self.init(
                code: .overloaded,
                detail: "too many large requests are being read: nothing was enqueued, it is safe "
                    + "to try again")
        case .tooManyConnections:
            self.init(
                code: .overloaded,
                detail: "there are too many connections: nothing was read, it is safe to try again")
        }
    }
}
