import CoreAPIKit
import Hummingbird

/// From what the intake refuses to what HTTP says. A later version of the Kit may add cases to both
/// enums; the compiler warns of each one that is not answered here.
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
        case .outcomeUnknown:
            // It may be enqueued: only a retry with the same key is safe.
            self.init(.gatewayTimeout, message: "try again with the same Idempotency-Key")
        @unknown default:
            // Whether it is enqueued is not known here.
            self.init(.gatewayTimeout, message: "try again with the same Idempotency-Key")
        }
    }
}
