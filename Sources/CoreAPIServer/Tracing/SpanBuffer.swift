internal import Synchronization

/// The spans that wait for their export, of all loops. Any thread may use it.
final class SpanBuffer: Sendable {
    private struct State {
        var requests: [RequestSpans] = []
        var droppedSpans = 0
    }

    /// Limit of requests whose spans wait: some 500 KB. The spans of more are dropped and counted.
    static let requestsMax = 2_048

    private let state = Mutex(State())

    /// Returns how many requests wait.
    func append(_ spans: RequestSpans) -> Int {
        state.withLock { state in
            if state.requests.count < SpanBuffer.requestsMax {
                state.requests.append(spans)
            } else {
                state.droppedSpans += spans.count
            }
            return state.requests.count
        }
    }

    /// Takes the oldest requests, and how many spans were dropped since the last call.
    func take(max count: Int) -> (requests: [RequestSpans], droppedSpans: Int) {
        state.withLock { state in
            let taken = Array(state.requests.prefix(count))
            state.requests.removeFirst(taken.count)
            defer { state.droppedSpans = 0 }
            return (taken, state.droppedSpans)
        }
    }

    /// How many requests wait.
    var count: Int { state.withLock { $0.requests.count } }
}
