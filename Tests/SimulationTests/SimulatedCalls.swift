@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

/// One attempt of a caller to have a transaction enqueued, or a question whether Redis is there.
struct SimulatedCall {
    enum Outcome: Equatable {
        case enqueued
        case replayed(TransactionID)
        case keyReused
        case notExecuted
        case mayBeExecuted
        case pong
    }

    let payment: SimulatedPayment
    /// Nil for a PING.
    let transaction: Transaction?
    let record: TransactionRecord?
    /// The key of the queue that it is for.
    let queueKey: String
    let command: RedisCommand
    let submittedAt: MonotonicTime
    var outcome: Outcome?

    var id: String { transaction.map { "\($0.id)" } ?? "PING" }
    var recordKey: String {
        String(decoding: record?.key(of: queueKey.utf8.span) ?? [], as: UTF8.self)
    }
    var recordText: String { String(decoding: record?.text ?? [], as: UTF8.self) }
    /// Whether the script recognises a retry.
    var hasKey: Bool { recordKey.hasPrefix("core-api:idempotency:") }
}

/// A payment that a caller is going to ask for.
struct SimulatedPayment {
    let userID: Int
    let amount: Int
    /// The idempotency key; nil for a caller without one.
    let key: IdempotencyKey?
    /// How many times the caller will try again.
    var retries: Int
    /// Asks only whether Redis is there.
    var isPing = false
    /// Comes when all is in order again, and must succeed.
    var isProbe = false

    /// The next attempt.
    var again: SimulatedPayment {
        var payment = self
        payment.retries -= 1
        return payment
    }
}

extension SimulatedCall {
    /// The meaning of a reply, as in `RedisQueue`.
    func outcome(of result: Result<RedisReply, RedisFailure>) -> Outcome {
        switch result {
        case .failure(.notExecuted): return .notExecuted
        case .failure(.mayBeExecuted): return .mayBeExecuted
        case .success(.status) where record == nil: return .pong
        case .success(.integer): return .enqueued
        case .success(.bulk(let found)): return outcome(found: found)
        case .success: return .mayBeExecuted
        }
    }

    private func outcome(found: [UInt8]) -> Outcome {
        do {
            switch try record?.outcome(found: found) {
            case .enqueued: return .enqueued
            case .replayed(let id): return .replayed(id)
            case nil: return .mayBeExecuted
            }
        } catch QueueError.idempotencyKeyReused {
            return .keyReused
        } catch {
            return .mayBeExecuted
        }
    }
}
