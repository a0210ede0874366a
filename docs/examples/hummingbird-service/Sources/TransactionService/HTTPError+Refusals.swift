import CoreAPIKit
import Hummingbird

/// From what the intake refuses to what HTTP says. Both enums are closed, so the compiler finds a
/// case that is not answered.
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
        }
    }
}
