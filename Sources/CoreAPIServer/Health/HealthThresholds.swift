/// The thresholds beyond which `/health` warns about the queue.
struct HealthThresholds: Equatable, Sendable {
    /// Maximum number of waiting transactions; nil for no maximum.
    var depthMax: Int?
    /// Maximum age of the oldest waiting transaction, in seconds; nil for no maximum.
    var ageSecondsMax: Int? = 300
    /// Minimum number of workers that are alive; 0 for no minimum.
    var workersMin = 1
    /// Maximum age of a worker's last heartbeat, in seconds: an older worker counts as dead. An
    /// idle rq worker refreshes its hash at least this often.
    var silenceSecondsMax = 480
}
