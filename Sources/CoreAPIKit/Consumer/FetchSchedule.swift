internal import CoreAPIBase
internal import CoreAPIRedis

/// The times of a consumer: when it claims, how long it blocks for new entries, and its backoff.
struct FetchSchedule {
    /// The maximum time that XREADGROUP blocks. It is below
    /// `RedisLimits.replyTimeoutMilliseconds`, after which a connection counts as broken.
    static let blockMillisecondsMax = 1_000

    /// The interval between two claims of due retries, and the time that XREADGROUP blocks.
    let blockMilliseconds: Int
    /// The interval between two scans of other consumers' pending entries.
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

    /// Nil if no claim is due; otherwise whether the claim scans other consumers as well.
    mutating func claimIsDue(now: MonotonicTime) -> Bool? {
        guard nextClaim <= now else { return nil }
        nextClaim = now.advanced(byMilliseconds: blockMilliseconds)
        guard nextScan <= now else { return false }
        nextScan = now.advanced(byMilliseconds: scanMilliseconds)
        return true
    }

    /// The next claim is due at once.
    mutating func claimSoon() { nextClaim = MonotonicTime(nanoseconds: 0) }

    mutating func succeeded() { backoff.succeeded() }

    /// In how many claims each partition's other consumers are looked at once: so the scans of many
    /// partitions are spread over their interval.
    var claimsOfScan: Int { max(1, scanMilliseconds / max(1, blockMilliseconds)) }

    /// Returns the backoff after a failure, in milliseconds.
    mutating func failed() -> Int { backoff.failed(jitter: .random(in: 0...1)) }
}
