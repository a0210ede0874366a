/// One time series of a metric family, identified by its labels.
struct MetricSeries: Hashable {
    struct Label: Hashable {
        let name: String
        let value: String
    }

    let name: String
    let kind: MetricDescription.Kind
    let labels: [Label]

    init(
        _ name: String, _ kind: MetricDescription.Kind, _ labels: [(String, String)] = []
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels.map { Label(name: $0.0, value: $0.1) }
    }
}
