internal import Synchronization

/// The spans that wait for their export, of all loops. Any thread may use it.
final class SpanBuffer: Sendable {
    /// Limit of requests whose spans wait: some 500 KB.
    static let requestsMax = 2_048

    private let requests = Mutex([RequestSpans]())

    /// Returns how many requests wait; nil if there is no room for one more.
    func append(_ spans: RequestSpans) -> Int? {
        requests.withLock { requests in
            guard requests.count < SpanBuffer.requestsMax else { return nil }
            requests.append(spans)
            return requests.count
        }
    }

    /// Takes the oldest requests.
    func take(max count: Int) -> [RequestSpans] {
        requests.withLock { requests in
            let taken = Array(requests.prefix(count))
            requests.removeFirst(taken.count)
            return taken
        }
    }

    /// How many requests wait.
    var count: Int { requests.withLock { $0.count } }
}
