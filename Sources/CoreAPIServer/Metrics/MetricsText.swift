internal import CoreAPIBase
internal import CoreAPIKit

/// Writes families of metrics as text, in Prometheus's format 0.0.4 or as OpenMetrics 1.0.
struct MetricsText {
    private let format: MetricsFormat
    private(set) var bytes: [UInt8] = []

    init(_ format: MetricsFormat) {
        self.format = format
        bytes.reserveCapacity(32 * 1024)
    }

    /// Adds a family with its series.
    mutating func add(
        _ family: MetricDescription, _ series: [(labels: [MetricSeries.Label], value: MetricValue)]
    ) {
        let name = format == .openMetrics ? String(family.familyName) : family.name
        add("# HELP \(name) \(family.help)\n")
        add("# TYPE \(name) \(family.kind.rawValue)\n")
        if format == .openMetrics, let unit = family.unit { add("# UNIT \(name) \(unit)\n") }
        for (labels, value) in series {
            switch value {
            case .integer(let value): addSample(family.name, labels, "\(value)")
            case .number(let value): addSample(family.name, labels, MetricsText.text(value))
            case .histogram(let counts): add(counts, family.name, labels)
            }
        }
    }

    /// Ends the text. Call it after the last family.
    mutating func end() {
        if format == .openMetrics { add("# EOF\n") }
    }

    private mutating func add(
        _ counts: HistogramCell.Counts, _ name: String, _ labels: [MetricSeries.Label]
    ) {
        var count: UInt64 = 0
        for (index, ofBucket) in counts.ofBuckets.enumerated() {
            count += ofBucket
            let bounds = HistogramCell.boundsNanoseconds
            let bound = index < bounds.count ? "\(Double(bounds[index]) / 1e9)" : "+Inf"
            let exemplar = index < counts.exemplars.count ? counts.exemplars[index] : nil
            addSample(
                name + "_bucket", labels + [MetricSeries.Label(name: "le", value: bound)],
                "\(count)", exemplar)
        }
        addSample(name + "_sum", labels, MetricsText.text(Double(counts.nanoseconds) / 1e9))
        addSample(name + "_count", labels, "\(count)")
    }

    private mutating func addSample(
        _ name: String, _ labels: [MetricSeries.Label], _ value: String,
        _ exemplar: HistogramCell.Exemplar? = nil
    ) {
        add(name)
        for (index, label) in labels.enumerated() {
            add(index == 0 ? "{" : ",")
            add("\(label.name)=\"")
            for byte in label.value.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): add("\\\\")
                case UInt8(ascii: "\""): add("\\\"")
                case UInt8(ascii: "\n"): add("\\n")
                default: bytes.append(byte)
                }
            }
            add("\"")
        }
        add(labels.isEmpty ? " " : "} ")
        add(value)
        if format == .openMetrics, let exemplar {
            add(" # {trace_id=\"\(exemplar.span.traceID)\",span_id=\"\(exemplar.span.parentID)\"} ")
            add("\(MetricsText.text(Double(exemplar.nanoseconds) / 1e9)) ")
            bytes.append(thousandths: Int(exemplar.time.nanoseconds / 1_000_000))
        }
        add("\n")
    }

    private mutating func add(_ text: String) { bytes.append(text: text) }

    /// The number as text; a whole number has no fraction.
    private static func text(_ value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}
