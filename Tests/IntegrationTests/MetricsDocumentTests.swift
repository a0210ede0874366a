import Foundation
import Testing

@testable import CoreAPIServer

/// The metrics in docs/: the alerts, the dashboard, the tables.
@Suite(.timeLimit(.minutes(10))) struct MetricsDocumentTests {
    private static let docs = Program.root.appending(path: "docs")
    private static let alerts = docs.appending(path: "prometheus/alerts.yml")
    private static let dashboard = docs.appending(path: "grafana/core-api.json")

    private func text(_ file: URL) throws -> String {
        try String(contentsOf: file, encoding: .utf8)
    }

    /// Every text of the dashboard that is a query.
    private func queries(in json: Any) -> [String] {
        if let object = json as? [String: Any] {
            return object.flatMap { name, value in
                if name == "expr" || name == "query", let text = value as? String {
                    return [text]
                }
                return queries(in: value)
            }
        }
        return (json as? [Any] ?? []).flatMap(queries)
    }

    private func dashboardQueries() throws -> [String] {
        let data = try Data(contentsOf: MetricsDocumentTests.dashboard)
        return queries(in: try JSONSerialization.jsonObject(with: data))
    }

    @Test func `promtool accepts the alerts, and their tests pass`() async throws {
        let folder = MetricsDocumentTests.docs.appending(path: "prometheus").path
        for command in ["check rules alerts.yml", "test rules alerts-test.yml"] {
            let result = try await Program.run(
                "bash", ["-c", "cd '\(folder)' && promtool \(command) 2>&1"])
            #expect(result.status == 0, "\(result.output)")
        }
    }

    @Test func `the alerts and the dashboard name metrics and codes that there are`() throws {
        let queries = try dashboardQueries()
        #expect(queries.count > 30)
        let all = try text(MetricsDocumentTests.alerts) + queries.joined(separator: "\n")
        let known = Set(MetricCatalogue.all.map(\.name))
        var named: Set<String> = []
        for match in all.matches(of: /\b(core_api|process)_[a-z_]+/) {
            let name = String(match.output.0)
            let family = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }
                .map { String(name.dropLast($0.count)) }
            let found = [name, family ?? name].first(where: known.contains)
            #expect(found != nil, "\(name)")
            if let found { named.insert(found) }
        }
        for match in all.matches(of: /code="([a-z_]+)"/) {
            #expect(Problem.Code(rawValue: String(match.output.1)) != nil, "\(match.output.0)")
        }
        for match in all.matches(of: /route="([^"]+)"/) {
            #expect(ResourceName.all.contains(String(match.output.1)))
        }
        // Every other metric of the catalogue appears in a document.
        #expect(known.subtracting(named).subtracting(["process_virtual_memory_bytes"]).isEmpty)
    }

    @Test func `docs/operations.md explains each metric and each alert`() throws {
        let operations = try text(MetricsDocumentTests.docs.appending(path: "operations.md"))
        for metric in MetricCatalogue.all {
            #expect(operations.contains("`\(metric.name)`"), "\(metric.name)")
        }
        let alerts = try text(MetricsDocumentTests.alerts)
        let names = alerts.matches(of: /alert: (\w+)/).map { String($0.output.1) }
        #expect(names.count > 10)
        for name in names {
            #expect(operations.contains("\n### \(name)\n"), "\(name)")
            #expect(alerts.contains("docs/operations.md#\(name.lowercased())\n"), "\(name)")
        }
    }
}
