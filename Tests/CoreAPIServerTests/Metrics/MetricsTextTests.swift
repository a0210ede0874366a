import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

@Suite struct MetricsTextTests {
    private let counter = MetricDescription("a_seconds_total", .counter, "What it is.")
    private let gauge = MetricDescription("b_bytes", .gauge, "Another.")

    private func text(_ format: MetricsFormat, _ fill: (inout MetricsText) -> Void) -> String {
        var text = MetricsText(format)
        fill(&text)
        text.end()
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test func `a family has its help, its type and a line for each series`() {
        func fill(_ text: inout MetricsText) {
            let label = MetricSeries.Label(name: "l", value: "quote \" slash \\ line \n end")
            text.add(counter, [([label], .integer(3))])
            text.add(gauge, [([], .number(1.5))])
        }
        #expect(
            text(.text, fill) == """
                # HELP a_seconds_total What it is.
                # TYPE a_seconds_total counter
                a_seconds_total{l="quote \\" slash \\\\ line \\n end"} 3
                # HELP b_bytes Another.
                # TYPE b_bytes gauge
                b_bytes 1.5

                """)
        #expect(
            text(.openMetrics, fill) == """
                # HELP a_seconds What it is.
                # TYPE a_seconds counter
                # UNIT a_seconds seconds
                a_seconds_total{l="quote \\" slash \\\\ line \\n end"} 3
                # HELP b_bytes Another.
                # TYPE b_bytes gauge
                # UNIT b_bytes bytes
                b_bytes 1.5
                # EOF

                """)
    }

    @Test func `a histogram's buckets include those below, and the last one is the count`() {
        let cell = HistogramCell()
        for nanoseconds: Int64 in [50_000, 100_000, 700_000, 20_000_000_000] {
            cell.recordNanoseconds(nanoseconds)
        }
        let label = MetricSeries.Label(name: "r", value: "x")
        let lines = text(.text) {
            $0.add(
                MetricDescription("d_seconds", .histogram, "D."),
                [([label], .histogram(cell.counts))])
        }.split(separator: "\n")
        #expect(lines[2] == "d_seconds_bucket{r=\"x\",le=\"0.0001\"} 2")
        #expect(lines[4] == "d_seconds_bucket{r=\"x\",le=\"0.0005\"} 2")
        #expect(lines[5] == "d_seconds_bucket{r=\"x\",le=\"0.001\"} 3")
        #expect(lines[17] == "d_seconds_bucket{r=\"x\",le=\"10.0\"} 3")
        #expect(lines[18] == "d_seconds_bucket{r=\"x\",le=\"+Inf\"} 4")
        #expect(lines[19] == "d_seconds_sum{r=\"x\"} 20.00085")
        #expect(lines[20] == "d_seconds_count{r=\"x\"} 4")
    }

    @Test(arguments: [
        (nil, false), ("", false), ("*/*", false), ("text/plain", false), ("text/html", false),
        ("application/openmetrics-text", true),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
        ("Application/OpenMetrics-Text;Version=1.0.0", true),
        ("application/openmetrics-text;version=0.0.1", false),
        ("application/openmetrics-text;version=2.0.0", false),
        ("application/openmetrics-text;q=0", false),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", false),
        ("text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=0.5", true),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                + "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true
        ),
        // The Accept field of Prometheus 3.
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
                + "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true
        ),
        (", ;;, =;q, \u{FFFD};q=nan", false),
        ("application/openmetrics-text;q=nan", false),
    ])
    func `OpenMetrics is chosen if its weight is not below the weight of plain text`(
        accept: String?, isOpenMetrics: Bool
    ) {
        let accepted = AcceptedTypes(Array((accept ?? "").utf8))
        #expect((MetricsFormat(accepted: accepted) == .openMetrics) == isOpenMetrics)
    }

    @Test func `no two families have one name, in either format`() {
        let all = MetricCatalogue.all
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.familyName)).count == all.count)
        for family in all {
            #expect(!family.help.isEmpty)
            #expect(!family.help.contains { $0.isNewline || $0 == "\\" || $0 == "\"" })
        }
    }
}
