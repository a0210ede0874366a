import Foundation
import Testing

/// The metrics of a server at one moment.
struct Scrape {
    /// By name with labels, as they stand in the text.
    let values: [String: Double]
    let answer: Answer

    /// - Parameter accept: the value of the `Accept` field; nil to omit the field.
    init(port: UInt16, accept: String? = nil) throws {
        let client = try RawClient(port: port)
        try self.init(client, accept: accept)
    }

    init(_ client: RawClient, accept: String? = nil) throws {
        let field = accept.map { "Accept: \($0)\r\n" } ?? ""
        try client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\(field)\r\n")
        answer = try client.readAnswer()
        #expect(answer.status == 200)
        var values: [String: Double] = [:]
        for line in answer.body.split(separator: "\n") where !line.hasPrefix("#") {
            let space = try #require(line.lastIndex(of: " "))
            let value = try #require(Double(line[line.index(after: space)...]))
            #expect(values.updateValue(value, forKey: String(line[..<space])) == nil)
        }
        self.values = values
    }

    subscript(_ series: String) -> Double? { values[series] }

    /// Expects that promtool finds nothing in the text.
    static func expectLintFree(port: UInt16) async throws {
        let checked = try await Program.run(
            "bash",
            ["-c", "set -o pipefail; curl -sSf \(url(port)) | promtool check metrics 2>&1"])
        #expect(checked.status == 0, "\(checked)")
        #expect(checked.output == "")
    }

    /// What a Python expression over `families` prints, which a strict parser has read from the
    /// OpenMetrics.
    static func openMetrics(port: UInt16, printing expression: String) async throws -> String {
        let python = Program.root.appending(path: ".run/prometheus/bin/python").path
        let reader = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
            families = list(read(sys.stdin.read()))
            print(*\(expression), end="")
            """
        let read = try await Program.run(
            "bash",
            [
                "-c",
                "set -o pipefail; curl -sSf -H 'Accept: application/openmetrics-text' "
                    + "\(url(port)) | \(python) -c '\(reader)'",
            ])
        #expect(read.status == 0, "\(read.errors)")
        return read.output
    }

    private static func url(_ port: UInt16) -> String { "http://127.0.0.1:\(port)/metrics" }

    /// The names of all families, from the `# TYPE` lines.
    var families: Set<String> {
        Set(
            answer.body.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
                .compactMap { $0.split(separator: " ").dropFirst(2).first.map(String.init) })
    }

    func requests(_ route: String, _ method: String, _ status: Int) -> Double? {
        self[
            "core_api_http_requests_total{route=\"\(route)\",method=\"\(method)\","
                + "status=\"\(status)\"}"]
    }

    func refusals(_ code: String) -> Double? { self["core_api_refusals_total{code=\"\(code)\"}"] }
}
