internal import CoreAPIBase
internal import DequeModule

/// The statuses of an `InMemoryTransactionQueue`.
struct InMemoryStatuses {
    private let seconds: Int
    private let countMax: Int
    private var statuses: [TransactionID: TransactionStatus] = [:]
    /// Each id once, with the time of a change: it is looked at again when that is too old.
    private var checks: Deque<(id: TransactionID, time: UnixTime)> = []

    /// - Parameters:
    ///   - seconds: how long a status is kept after its last change; 0 for not at all.
    ///   - countMax: at most so many are kept; a further one takes the place of the oldest.
    init(seconds: Int, countMax: Int) {
        self.seconds = seconds
        self.countMax = countMax
    }

    subscript(id: TransactionID, now: UnixTime) -> TransactionStatus? {
        mutating get {
            expire(now)
            return statuses[id].flatMap { isKept($0, now) ? $0 : nil }
        }
    }

    /// Writes the status of a transaction.
    ///
    /// - Parameter attempts: how many more there were.
    mutating func set(
        _ transaction: Transaction, _ state: TransactionStatus.State, attempts: Int = 0,
        now: UnixTime
    ) {
        guard seconds > 0 else { return }
        expire(now)
        let before = statuses[transaction.id]
        if before == nil {
            if statuses.count >= countMax, let oldest = checks.popFirst() {
                statuses[oldest.id] = nil
            }
            checks.append((transaction.id, now))
        }
        statuses[transaction.id] = TransactionStatus(
            transaction, state: state, updatedAt: now,
            attempts: (before?.attempts ?? 0) + attempts)
    }

    private mutating func expire(_ now: UnixTime) {
        while let (id, time) = checks.first, isExpired(time, now) {
            checks.removeFirst()
            guard let status = statuses[id] else { continue }
            if isKept(status, now) {
                checks.append((id, status.updatedAt))
            } else {
                statuses[id] = nil
            }
        }
    }

    private func isKept(_ status: TransactionStatus, _ now: UnixTime) -> Bool {
        !isExpired(status.updatedAt, now)
    }

    private func isExpired(_ time: UnixTime, _ now: UnixTime) -> Bool {
        now.nanoseconds - time.nanoseconds >= Int64(seconds) * 1_000_000_000
    }
}
