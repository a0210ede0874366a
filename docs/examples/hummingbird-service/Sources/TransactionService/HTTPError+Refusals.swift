import CoreAPIKit
import Hummingbird

/// Maps the intake's refusals to HTTP errors. A later version of the Kit may add cases to both
/// enums; the compiler warns of each case that is missing here.
extension HTTPError {
    init(_ refusal: IntakeRefusal) {
        switch refusal {
        case .malformedJSON(let error):
            self.init(.badRequest, message: "the body is not JSON: \(error)")
        case .tokensDiffer:
            self.init(.badRequest, message: "the body and Authorization have different tokens")
        case .tokenMissing, .token:
            self.init(
                .unauthorized, headers: [.wwwAuthenticate: "Bearer"], message: "get a new token")
        case .userDisabled:
            self.init(.forbidden, message: "the user is disabled")
        case .invalid(let problems):
            let details = problems.map(\.detail).joined(separator: "; ")
            self.init(.unprocessableContent, message: details)
        case .queue(let error):
            self.init(error)
        @unknown default:
            self.init(.badRequest, message: "the transaction is refused")
        }
    }

    private init(_ error: QueueError) {
        switch error {
        case .full, .unavailable:
            // Not enqueued: the caller may try again.
            self.init(
                .serviceUnavailable, headers: [.retryAfter: "1"], message: "not enqueued")
        case .idempotencyKeyReused:
            self.init(.unprocessableContent, message: "the key belongs to another transaction")
        case .rateLimited(let seconds):
            self.init(
                .tooManyRequests, headers: [.retryAfter: "\(seconds)"],
                message: "the user's limit is reached")
        case .outcomeUnknown:
            // It may be enqueued: only a retry with the same key is safe.
            self.init(.gatewayTimeout, message: "try again with the same Idempotency-Key")
        @unknown default:
            // A case of a later version: the outcome is unknown.
            self.init(.gatewayTimeout, message: "try again with the same Idempotency-Key")
        }
    }
}
