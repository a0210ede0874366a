internal import CoreAPIBase
internal import CoreAPIRedis

/// The partitions of a stream whose nodes of a cluster did not answer in the last seconds: a list
/// of letters goes on without them, and does not wait for each again.
struct AwayPlaces {
    private var places: Set<Int> = []
    private var end = MonotonicTime(nanoseconds: 0)

    private static let milliseconds = 10_000

    mutating func insert(_ place: Int, now: MonotonicTime) {
        if now >= end {
            places = []
            end = now.advanced(byMilliseconds: AwayPlaces.milliseconds)
        }
        places.insert(place)
    }

    func places(now: MonotonicTime) -> Set<Int> { now < end ? places : [] }
}

extension RedisError {
    /// Whether the error may be of one node of a cluster, while others serve their slots.
    var isOfNode: Bool {
        switch self {
        case .connectFailed, .tlsFailed, .loginUnanswered, .hostNotFound, .slotUnserved, .timedOut,
            .connectionLost, .closed:
            true
        case .server(let reply), .refused(let reply):
            reply.isPassing || reply.kind == .moved || reply.kind == .ask
        default: false
        }
    }
}
