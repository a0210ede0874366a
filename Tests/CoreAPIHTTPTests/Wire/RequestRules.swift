import Testing

@testable import CoreAPIHTTP

/// Shared helpers of the suites of HTTP rules: bytes in, an answer or a refusal out.
protocol RequestRules {}

extension RequestRules {
    func lines(_ text: String, thenEnds: Bool = true) -> [String] {
        Transcript.lines(text, thenEnds: thenEnds) { Issue.record("\($0)") }
    }

    func refusal(_ text: String) -> String? {
        let lines = lines(text)
        guard lines.last == "close", let first = lines.first, first.hasPrefix("refuse ") else {
            return nil
        }
        return String(first.dropFirst(7))
    }

    func expectMalformed(
        _ reason: HTTPRefusal.Reason, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            refusal(text) == "\(HTTPRefusal.malformed(reason))", "\(text.debugDescription)",
            sourceLocation: sourceLocation)
    }

    func expect(
        _ refused: HTTPRefusal, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            refusal(text) == "\(refused)", "\(text.prefix(200).debugDescription)",
            sourceLocation: sourceLocation)
    }

    func get(_ fields: String = "", line: String = "GET /health HTTP/1.1") -> String {
        "\(line)\r\nHost: a\r\n\(fields)\r\n"
    }

    func post(_ fields: String, _ body: String = "") -> String {
        "POST /transaction HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }
}
