internal import CoreAPIBase

/// The state of a ``KeySetSource``, for health checks and metrics.
public struct KeySetStatus: Sendable {
    /// The set in use; nil if there has never been one, or if it is too old.
    public internal(set) var keySet: JSONWebKeySet?
    /// Why the last fetch failed; nil after a success, and before the first fetch has ended.
    public internal(set) var failure: KeySetFetchError?
    /// How many fetches have brought a set since the start.
    public internal(set) var successCount = 0
    /// How many fetches have failed since the start, by one word for the reason.
    public internal(set) var failureCounts: [String: Int] = [:]
    /// When the fetch began that brought the set in use.
    var fetchedAt: MonotonicTime?

    /// The age of the set in use: the time since the fetch that brought it began; nil without one.
    public var age: Duration? {
        fetchedAt.map { .nanoseconds(MonotonicTime.now().nanoseconds(since: $0)) }
    }
}
