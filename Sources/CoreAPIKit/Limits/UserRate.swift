/// A user's rate: the generic cell rate algorithm, in whole numbers.
///
/// The user's theoretical arrival time is `base + used * window / count`, of which the division is
/// never done: the time is exact, however many transactions came. `RateLimitScript` has the same in
/// Redis.
struct UserRate: Equatable {
    /// In microseconds since 1970.
    private(set) var base: Int
    /// Transactions since `base`: 0 to less than the count.
    private(set) var used: Int

    /// A user without transactions.
    init(now: Int) { (base, used) = (now, 0) }

    /// Takes one transaction, if the limit allows it.
    ///
    /// - Parameter now: in microseconds since 1970.
    mutating func take(_ limit: RateLimit, now: Int) -> Bool {
        normalize(limit, now)
        guard free(limit, now) >= limit.window else { return false }
        used += 1
        if used == limit.count { (base, used) = (base + limit.window, 0) }
        return true
    }

    func allowance(_ limit: RateLimit, now: Int) -> RateAllowance {
        var rate = self
        rate.normalize(limit, now)
        let free = rate.free(limit, now)
        let remaining = free / limit.window
        let microseconds = (remaining + 1) * limit.window - free
        let divisor = limit.count * 1_000_000
        return RateAllowance(
            remaining: remaining, seconds: (microseconds + divisor - 1) / divisor)
    }

    /// Whether it is as that of a user without transactions.
    func isOver(_ limit: RateLimit, now: Int) -> Bool {
        // Before the product, which may be too large for an integer.
        if now - base >= limit.window { return true }
        if base - now > limit.window { return false }
        return limit.window * limit.count <= free(limit, now)
    }

    /// What is free, in transactions times the window.
    private func free(_ limit: RateLimit, _ now: Int) -> Int {
        (now + limit.window - base) * limit.count - used * limit.window
    }

    private mutating func normalize(_ limit: RateLimit, _ now: Int) {
        if isOver(limit, now: now) { self = UserRate(now: now) }
        // The clock went back.
        if base - now > limit.window || free(limit, now) < 0 {
            (base, used) = (now + limit.window, 0)
        }
    }
}
