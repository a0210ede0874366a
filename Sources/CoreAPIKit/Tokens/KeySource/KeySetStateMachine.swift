package import CoreAPIBase

/// Decides when a key set is fetched, and how long the last good one is used. It has no socket and
/// no clock: events in, actions out.
///
/// One fetch is in flight at a time, and the starts of two are at least `cooldownMilliseconds`
/// apart, whatever asks for them and however they ended. A failure never drops a set: only its age
/// does.
package struct KeySetStateMachine {
    package enum Action: Equatable {
        case none
        /// Fetch the set, then call `fetched` or `failed`.
        case fetch
        /// The set is too old: verify no token with it.
        case expire
    }

    /// When a caller whose token needs a set may try again while there is none.
    package static var retrySeconds: Int { cooldownMilliseconds / 1_000 }

    /// The shortest time from the start of a fetch to the start of the next one.
    package static let cooldownMilliseconds = 5_000
    /// How long a set may stay fresh, whatever the issuer says.
    package static let freshSecondsBounds = 10...3_600
    /// The freshness of a set whose issuer says nothing.
    package static let freshSecondsDefault = 300
    /// The longest pause after a failure while a set is in use.
    package static let pauseMillisecondsMax = 60_000
    /// The longest pause after a failure while there is none, so that tokens are refused.
    package static let pauseWithoutSetMillisecondsMax = 10_000
    /// Bounds of how long the last good set is used.
    package static let staleSecondsBounds = 60...2_592_000

    private let staleSeconds: Int
    private var isFetching = false
    /// When the last fetch began; nil before the first one.
    private var lastFetch: MonotonicTime?
    /// When it ended, if none is in flight.
    private var lastEnd: MonotonicTime?
    /// When the next fetch begins, unless one is in flight.
    private var nextFetch: MonotonicTime
    /// When the set gets too old; nil without a set.
    private var expiry: MonotonicTime?
    private var backoff = Backoff(
        millisecondsMin: cooldownMilliseconds, millisecondsMax: pauseMillisecondsMax)

    /// - Parameter staleSeconds: how long a set is used after the fetch that brought it, within
    ///   `staleSecondsBounds`.
    package init(staleSeconds: Int, now: MonotonicTime) {
        precondition(
            KeySetStateMachine.staleSecondsBounds ~= staleSeconds,
            "KeySetStateMachine.init: staleSeconds out of bounds")
        self.staleSeconds = staleSeconds
        nextFetch = now
    }

    /// When `deadlineReached` must be called.
    package var deadline: MonotonicTime {
        min(isFetching ? .never : nextFetch, expiry ?? .never)
    }

    package mutating func deadlineReached(now: MonotonicTime) -> Action {
        if let expiry, expiry <= now {
            self.expiry = nil
            // The pause after a failure is shorter from now on.
            nextFetch = min(nextFetch, notBeforeCooldown(pauseWithoutSetEnd ?? now))
            return .expire
        }
        guard !isFetching, nextFetch <= now else { return .none }
        isFetching = true
        lastFetch = now
        return .fetch
    }

    /// A token names a key that the set lacks, or needs a set that is not there. The next fetch
    /// comes as early as the cooldown allows. During a fetch the call has no effect: the fetch
    /// brings what it asks for, or a failure, and the next token asks again.
    package mutating func asked(now: MonotonicTime) {
        guard !isFetching else { return }
        nextFetch = min(nextFetch, max(now, cooldownEnd ?? now))
    }

    /// A fetch has brought a good set.
    ///
    /// - Parameters:
    ///   - freshSeconds: how long the issuer says that it stays fresh; nil if it says nothing.
    ///   - jitter: a random number from 0 to 1, so that many processes do not fetch at once.
    package mutating func fetched(freshSeconds: Int?, now: MonotonicTime, jitter: Double) {
        precondition(isFetching, "fetched() without a fetch")
        isFetching = false
        lastEnd = now
        backoff.succeeded()
        let bounds = KeySetStateMachine.freshSecondsBounds
        let fresh = min(
            max(freshSeconds ?? KeySetStateMachine.freshSecondsDefault, bounds.lowerBound),
            bounds.upperBound)
        // The next fetch comes before the set is not fresh any more, and twice before it expires.
        let seconds = Double(min(fresh, staleSeconds / 2)) * (0.8 + jitter / 10)
        nextFetch = notBeforeCooldown(now.advanced(byMilliseconds: Int(seconds * 1_000)))
        expiry = (lastFetch ?? now).advanced(byMilliseconds: staleSeconds * 1_000)
    }

    /// A fetch has failed, or has brought a set that must not be used.
    ///
    /// - Parameter jitter: a random number from 0 to 1.
    package mutating func failed(now: MonotonicTime, jitter: Double) {
        precondition(isFetching, "failed() without a fetch")
        isFetching = false
        lastEnd = now
        var pause = backoff.failed(jitter: jitter)
        if expiry == nil { pause = min(pause, KeySetStateMachine.pauseWithoutSetMillisecondsMax) }
        nextFetch = notBeforeCooldown(now.advanced(byMilliseconds: pause))
    }

    private var pauseWithoutSetEnd: MonotonicTime? {
        lastEnd?.advanced(
            byMilliseconds: KeySetStateMachine.pauseWithoutSetMillisecondsMax)
    }

    private var cooldownEnd: MonotonicTime? {
        lastFetch?.advanced(byMilliseconds: KeySetStateMachine.cooldownMilliseconds)
    }

    private func notBeforeCooldown(_ time: MonotonicTime) -> MonotonicTime {
        max(time, cooldownEnd ?? time)
    }
}
