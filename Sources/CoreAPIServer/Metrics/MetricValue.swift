/// The value of a series.
enum MetricValue {
    case integer(UInt64)
    case number(Double)
    case histogram(HistogramCell.Counts)

    /// Adds the value that another event loop has recorded for the same series.
    mutating func add(_ other: MetricValue) {
        switch (self, other) {
        case (.integer(let left), .integer(let right)): self = .integer(left &+ right)
        case (.number(let left), .number(let right)): self = .number(left + right)
        case (.histogram(var counts), .histogram(let right)):
            counts += right
            self = .histogram(counts)
        default: preconditionFailure("add(_:) of a value of another kind")
        }
    }
}
