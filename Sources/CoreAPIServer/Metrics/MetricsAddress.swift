/// The address that serves `GET /metrics`.
struct MetricsAddress: Equatable {
    let host: String
    /// The port; 0 picks a free port.
    let port: UInt16
    /// Whether metrics share the callers' listener, so that no second listener is opened.
    let isPublic: Bool

    /// That of an inherited socket.
    static let inherited = MetricsAddress(host: "inherited", port: 0, isPublic: false)
}
