/// A metric family: its name, kind and help text in a scrape.
struct MetricDescription {
    enum Kind: String { case counter, gauge, histogram }

    /// The name in Prometheus's style: the unit last, then `_total` for a counter.
    let name: String
    let kind: Kind
    /// The help text: one line, without a line break.
    let help: String

    init(_ name: String, _ kind: Kind, _ help: String) {
        precondition(
            name.hasSuffix("_total") == (kind == .counter),
            "MetricDescription: a counter, and only a counter, ends in _total")
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// The family's name in OpenMetrics: the name of a counter lacks `_total`.
    var familyName: Substring {
        kind == .counter ? name.dropLast("_total".utf8.count) : name[...]
    }

    /// The OpenMetrics unit, which ends the family's name; nil for a metric without a unit.
    var unit: String? { ["seconds", "bytes"].first { familyName.hasSuffix("_\($0)") } }
}
