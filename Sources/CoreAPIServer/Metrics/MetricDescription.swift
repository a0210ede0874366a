/// A family of metrics, as a scraper is told of it.
struct MetricDescription {
    enum Kind: String { case counter, gauge, histogram }

    /// In Prometheus's style: the unit last, and behind it `_total` for a counter.
    let name: String
    let kind: Kind
    /// One line, without a line break.
    let help: String

    init(_ name: String, _ kind: Kind, _ help: String) {
        precondition(name.hasSuffix("_total") == (kind == .counter), "only counters are totals")
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// The name as OpenMetrics has it: that of a counter is without its `_total`.
    var familyName: Substring {
        kind == .counter ? name.dropLast("_total".utf8.count) : name[...]
    }

    /// OpenMetrics has base units, which the name ends in.
    var unit: String? { ["seconds", "bytes"].first { familyName.hasSuffix("_\($0)") } }
}
