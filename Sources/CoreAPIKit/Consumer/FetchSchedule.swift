internal import CoreAPIBase
internal import CoreAPIRedis

/// When a consumer claims, how long it waits for new entries, and how long after a failure.
struct FetchSchedule {
    /// How long Redis may hold an answer back: less than the time in which a connection must give
    /// some reply (`RedisLimits.replyTimeoutMilliseconds`).
    static let blockMillisecondsMax = 1_000

    /// Retries are looked for so often, and a wait for new entries is no longer.
    let blockMilliseconds: Int
    /// What others hold is looked at so often.
    private let scanMilliseconds: Int
    private var nextClaim: MonotonicTime
    private var nextScan: MonotonicTime
    private var backoff = RedisLimits().backoff

    init(_ options: ConsumerOptions, now: MonotonicTime) {
        let visibility = options.visibilityTimeout.wholeMilliseconds
        blockMilliseconds = min(FetchSchedule.blockMillisecondsMax, visibility / 4)
        scanMilliseconds = visibility / 2
        nextClaim = now
        nextScan = now
    }

    /// Whether to look at what others hold as well, if it is time to claim; else nil.
    mutating func claimIsDue(now: MonotonicTime) -> Bool? {
        guard nextClaim <= now else { return nil }
        nextClaim = now.advanced(byMilliseconds: blockMilliseconds)
        guard nextScan <= now else { return false }
        nextScan = now.advanced(byMilliseconds: scanMilliseconds)
        return true
    }

    mutating func succeeded() { backoff.succeeded() }

    /// Returns how long to wait after the failure, in milliseconds.
    mutating func failed() -> Int { backoff.failed(jitter: .random(in: 0...1)) }
}
