package import CoreAPIBase
package import CoreAPIRedis
internal import Synchronization

/// What Redis said to the last transaction, if it refused it: the next one would very probably be
/// refused too. All queues of a process share one, and each records from its own thread.
package final class QueueRefusals: Sendable {
    private struct Refusal {
        let error: RedisError
        let expiresAt: MonotonicTime
    }

    /// Read for each transaction, so that no lock is taken without a refusal.
    private let isRefused = Atomic(false)
    private let last = Mutex<Refusal?>(nil)

    /// For how long a refusal counts: without traffic nothing else would say that its cause is
    /// mended. Causes that a probe sees count for as long as it sees them.
    package static let lifetimeMilliseconds = 5_000

    package init() {}

    /// Why Redis refused the last transaction, if that is not long ago.
    package func current(now: MonotonicTime) -> RedisError? {
        guard isRefused.load(ordering: .acquiring) else { return nil }
        return last.withLock { last in
            guard let refusal = last, now < refusal.expiresAt else { return nil }
            return refusal.error
        }
    }

    func record(_ outcome: Result<EnqueueOutcome, QueueError>) {
        switch outcome {
        case .success, .failure(.idempotencyKeyReused), .failure(.rateLimited): accepted()
        // Redis has executed the script, which found a record with another program's text. A server
        // that does not speak Redis's protocol at all is one to which there is no connection.
        case .failure(.unavailable(.protocolViolation)): break
        case .failure(.unavailable(let error)), .failure(.outcomeUnknown(let error)):
            if error.isRefusal { refused(error, now: .now()) }
        case .failure(.full): break
        }
    }

    private func accepted() {
        guard isRefused.load(ordering: .relaxed) else { return }
        last.withLock { last in
            last = nil
            isRefused.store(false, ordering: .releasing)
        }
    }

    func refused(_ error: RedisError, now: MonotonicTime) {
        let expiresAt = now.advanced(byMilliseconds: QueueRefusals.lifetimeMilliseconds)
        last.withLock { last in
            last = Refusal(error: error, expiresAt: expiresAt)
            isRefused.store(true, ordering: .releasing)
        }
    }
}

extension RedisError {
    /// Whether Redis has answered, and does not do what it is asked.
    fileprivate var isRefusal: Bool {
        switch self {
        // A probe sees the queue's own keys. Another one is of one transaction: its record, its
        // job, the rate of its user.
        case .server(let reply) where reply.kind == .wrongType: false
        case .server, .refused, .durabilityNotReached, .protocolViolation, .partitionCountDiffers:
            true
        default: false
        }
    }
}
