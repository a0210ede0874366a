import Foundation
import Testing

/// `otlp-collector.py`: takes spans, and says what it has decoded.
final class SpanCollector: Sendable {
    let port: UInt16
    private let program: Program

    /// A request of the exporter.
    struct Export: Decodable {
        let status: Status
        let path: String?
        /// When the request came, since 1970.
        let seconds: Int?
        /// The name in the client's certificate.
        let client: String?
        let authorization: String?
        let content_type: String?
        let spans: [Span]?

        enum Status: Equatable, Decodable {
            case number(Int)
            case word(String)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int.self) {
                    self = .number(number)
                } else {
                    self = .word(try container.decode(String.self))
                }
            }
        }
    }

    struct Span: Decodable {
        let name: String
        let kind: Int
        let trace: String
        let id: String
        let parent: String
        let state: String
        let flags: Int
        let error: Bool
        let attributes: [String: String]
        let resource: [String: String]
    }

    /// Runs the body with a collector, and ends it.
    ///
    /// - Parameters:
    ///   - answers: one after the other; then it takes everything.
    ///   - tls: the certificates of a collector with https, which asks for those of `ca`.
    static func with(
        _ answers: [String] = [], tls: TestCertificates? = nil,
        _ body: (SpanCollector) async throws -> Void
    ) async throws {
        let script = Program.root.appending(
            path: "Tests/IntegrationTests/Harness/otlp-collector.py")
        let python = Program.root.appending(path: ".run/otlp/bin/python")
        let files = tls.map { tls in
            ["--tls"] + ["server.pem", "server.key", "ca.pem"].map { tls.path($0) }
        }
        let program = try Program(python.path, [script.path] + (files ?? []) + answers)
        defer { program.signal(SIGKILL) }
        try await eventually("the collector listens") { program.output.hasPrefix("port ") }
        let first = program.output.split(separator: "\n").first?.dropFirst("port ".count)
        let port = try #require(first.flatMap { UInt16($0) }, "\(program.errors)")
        try await body(SpanCollector(port: port, program: program))
        #expect(program.errors == "")
    }

    private init(port: UInt16, program: Program) {
        self.port = port
        self.program = program
    }

    /// The variables of a server that exports to it.
    var environment: [String: String] {
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)"]
    }

    var exports: [Export] {
        program.output.split(separator: "\n").dropFirst().compactMap {
            try? JSONDecoder().decode(Export.self, from: Data($0.utf8))
        }
    }

    /// The spans of the requests that were taken.
    var spans: [Span] {
        exports.filter { $0.status == .number(200) }.flatMap { $0.spans ?? [] }
    }

    /// The spans, once there are as many.
    func spans(_ count: Int) async throws -> [Span] {
        try await eventually("\(count) spans") { spans.count >= count }
        #expect(spans.count == count)
        return spans
    }
}
