/// Where `GET /metrics` is answered.
struct MetricsAddress: Equatable {
    let host: String
    /// 0 picks a free port.
    let port: UInt16
    /// Whether it is where callers' requests are answered: then there is no listener besides.
    let isPublic: Bool
}
