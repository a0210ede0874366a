/// From where on `/health` warns of the queue.
struct HealthThresholds: Equatable, Sendable {
    /// As many transactions may wait; nil for any number.
    var depthMax: Int?
    /// For so many seconds may the oldest of them wait; nil for any time.
    var ageSecondsMax: Int? = 300
    /// So many workers are needed; 0 for none.
    var workersMin = 1
    /// A worker counts while it was heard of within so many seconds: what an idle worker of rq
    /// keeps at least, whose hash expires after that.
    var silenceSecondsMax = 480
}
