/// The rates of the users of an `InMemoryTransactionQueue`.
struct UserRates {
    let limit: RateLimit
    private var rates: [Int: UserRate] = [:]
    /// With so many users, those without a rate are removed.
    private var sweepCount = UserRates.sweepCountMin

    private static let sweepCountMin = 1_024

    init(_ limit: RateLimit) { self.limit = limit }

    /// Takes a transaction of the user, if the limit allows it.
    ///
    /// - Parameter now: in microseconds since 1970.
    mutating func take(_ userID: Int, now: Int) -> Bool {
        if rates.count >= sweepCount {
            let limit = limit
            rates = rates.filter { !$0.value.isOver(limit, now: now) }
            sweepCount = max(UserRates.sweepCountMin, 2 * rates.count)
        }
        return rates[userID, default: UserRate(now: now)].take(limit, now: now)
    }

    /// What the user's limit allows.
    func allowance(_ userID: Int, now: Int) -> RateAllowance {
        (rates[userID] ?? UserRate(now: now)).allowance(limit, now: now)
    }
}
