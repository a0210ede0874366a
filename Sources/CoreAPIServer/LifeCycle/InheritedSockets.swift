/// The listening sockets that the process inherited, by their descriptors.
struct InheritedSockets: Equatable {
    /// Those of callers.
    var callers: [Int32] = []
    /// Those of operators, which are named `metrics`.
    var operators: [Int32] = []

    /// The name of operators' sockets: `FileDescriptorName=metrics` of the socket unit.
    static let operatorsName = "metrics"
}
