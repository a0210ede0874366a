/// The numbers that the console keeps as plots. The raw value is the name in JSON.
enum PlotSeries: String, CaseIterable {
    /// Transactions a second.
    case accepted, replayed, refused, failed
    /// Milliseconds until the answer to `POST /transaction`.
    case p50, p95, p99
    case inFlight = "in_flight"
    /// Waiting transactions, and the age of the oldest in seconds.
    case depth, age
    case workers
    /// Milliseconds until Redis answers.
    case redis = "redis_ms"

    /// How several samples become one of the longer plot.
    enum Combination { case mean, maximum, minimum }

    var combination: Combination {
        switch self {
        case .accepted, .replayed, .refused, .failed: .mean
        case .workers: .minimum
        case .p50, .p95, .p99, .inFlight, .depth, .age, .redis: .maximum
        }
    }
}

/// One value for each series; NaN for what is not known.
struct PlotSample {
    private var values = [Float](repeating: .nan, count: PlotSeries.allCases.count)

    subscript(_ series: PlotSeries) -> Double? {
        get {
            let value = values[PlotSample.index(series)]
            return value.isNaN ? nil : Double(value)
        }
        set { values[PlotSample.index(series)] = newValue.map { Float($0) } ?? .nan }
    }

    static func index(_ series: PlotSeries) -> Int {
        PlotSeries.allCases.firstIndex(of: series) ?? 0
    }

    /// One sample for several.
    init(combining samples: [PlotSample]) {
        for series in PlotSeries.allCases {
            let known = samples.compactMap { $0[series] }
            guard !known.isEmpty else { continue }
            switch series.combination {
            case .mean: self[series] = known.reduce(0, +) / Double(known.count)
            case .maximum: self[series] = known.max()
            case .minimum: self[series] = known.min()
            }
        }
    }
}

/// The last samples at a fixed distance: 180 of them, some 10 KB.
struct PlotRing {
    let secondsPerSample: Int
    private var samples = Ring<PlotSample>(countMax: PlotRing.countMax)

    static let countMax = 180

    init(secondsPerSample: Int) { self.secondsPerSample = secondsPerSample }

    mutating func add(_ sample: PlotSample) { samples.add(sample) }

    /// The samples, the oldest first.
    var all: [PlotSample] { samples.inOrder }
}
