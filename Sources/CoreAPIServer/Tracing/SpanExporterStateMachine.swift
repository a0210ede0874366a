internal import CoreAPIBase

/// When spans are exported, without a socket or a clock: events in, actions out. One request is
/// under way at a time.
struct SpanExporterStateMachine {
    enum Action: Equatable {
        case wait
        /// Send a new batch, if spans wait.
        case send
        /// Send the same batch again.
        case resend
        /// The batch has arrived; `send` follows if spans wait.
        case delivered
        /// The batch is lost: count it.
        case drop
    }

    private enum State: Equatable {
        /// Can transition to: sending.
        case idle
        /// A request is under way. Can transition to: idle, pausing.
        case sending(attempt: Int)
        /// Can transition to: sending.
        case pausing(attempt: Int)
    }

    private var state = State.idle
    private var backoff = Backoff(millisecondsMin: 1_000, millisecondsMax: 30_000)
    /// When `deadlineReached` is to be called.
    private(set) var deadline: MonotonicTime

    static let intervalMilliseconds = 1_000
    /// The attempts at one batch.
    static let attemptsMax = 5
    /// The longest pause that a collector's `Retry-After` asks for.
    static let retryAfterSecondsMax = 60

    init(now: MonotonicTime) {
        deadline = now.advanced(byMilliseconds: SpanExporterStateMachine.intervalMilliseconds)
    }

    var isIdle: Bool { state == .idle }

    mutating func deadlineReached(now: MonotonicTime) -> Action {
        guard deadline <= now else { return .wait }
        switch state {
        case .idle: return began(now: now)
        case .sending:
            // The client has a deadline of its own.
            deadline = .never
            return .wait
        case .pausing(let attempt):
            state = .sending(attempt: attempt + 1)
            deadline = .never
            return .resend
        }
    }

    /// Many spans wait, or the server ends.
    mutating func hurried(now: MonotonicTime) -> Action {
        guard state == .idle else { return .wait }
        return began(now: now)
    }

    private mutating func began(now: MonotonicTime) -> Action {
        state = .sending(attempt: 1)
        deadline = .never
        return .send
    }

    /// No span waits: there is nothing to send.
    mutating func foundNothing(now: MonotonicTime) {
        precondition(state == .sending(attempt: 1), "foundNothing() without a new batch")
        state = .idle
        deadline = now.advanced(byMilliseconds: SpanExporterStateMachine.intervalMilliseconds)
    }

    /// The collector has answered.
    ///
    /// - Parameters:
    ///   - retryAfterSeconds: its `Retry-After`; nil without one.
    ///   - jitter: a random number from 0 to 1.
    mutating func answered(
        _ status: Int, retryAfterSeconds: Int?, now: MonotonicTime, jitter: Double
    ) -> Action {
        switch status {
        case 200...299:
            backoff.succeeded()
            return ended(.delivered, now: now)
        // OTLP/HTTP, 'Failures': these alone are retried.
        case 429, 502, 503, 504:
            return retry(retryAfterSeconds: retryAfterSeconds, now: now, jitter: jitter)
        default: return ended(.drop, now: now)
        }
    }

    /// The collector cannot be reached, or its answer is none.
    mutating func failed(now: MonotonicTime, jitter: Double) -> Action {
        retry(retryAfterSeconds: nil, now: now, jitter: jitter)
    }

    private mutating func retry(
        retryAfterSeconds: Int?, now: MonotonicTime, jitter: Double
    ) -> Action {
        guard case .sending(let attempt) = state else {
            preconditionFailure("an answer without a request")
        }
        let pause = backoff.failed(jitter: jitter)
        let asked = min(retryAfterSeconds ?? 0, SpanExporterStateMachine.retryAfterSecondsMax)
        let end = now.advanced(byMilliseconds: max(pause, asked * 1_000))
        guard attempt < SpanExporterStateMachine.attemptsMax else {
            state = .idle
            deadline = end
            return .drop
        }
        state = .pausing(attempt: attempt)
        deadline = end
        return .wait
    }

    private mutating func ended(_ action: Action, now: MonotonicTime) -> Action {
        guard case .sending = state else { preconditionFailure("an answer without a request") }
        state = .idle
        // More may wait.
        deadline = now
        return action
    }
}
