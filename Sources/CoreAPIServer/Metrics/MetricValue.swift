/// What a series says.
enum MetricValue {
    case integer(UInt64)
    case number(Double)
    case histogram(HistogramCell.Counts)

    /// Adds what another event loop has counted of the same.
    mutating func add(_ other: MetricValue) {
        switch (self, other) {
        case (.integer(let left), .integer(let right)): self = .integer(left &+ right)
        case (.number(let left), .number(let right)): self = .number(left + right)
        case (.histogram(var counts), .histogram(let right)):
            counts += right
            self = .histogram(counts)
        default: preconditionFailure("a series has values of one kind")
        }
    }
}
