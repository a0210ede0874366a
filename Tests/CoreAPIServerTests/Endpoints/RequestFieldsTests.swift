import CoreAPIKit
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// How the endpoints evaluate fields that are lists.
@Suite struct RequestFieldsTests {
    private func head(_ fields: String) throws -> (head: RequestHead, bytes: [UInt8]) {
        try RequestHead.of("POST /transaction HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: 1")
    }

    @Test(arguments: [
        ("", false), ("Content-Encoding: identity\r\n", false),
        ("Content-Encoding: gzip\r\n", true), ("Content-Encoding: identity, br\r\n", true),
    ])
    func `a content coding other than identity is 415, with the coding that would do`(
        fields: String, isRefused: Bool
    ) throws {
        let (head, bytes) = try head(fields)
        #expect(head.isEncoded == isRefused)
        let problem = TransactionEndpoint.refusal(head, bytes.span)
        #expect(problem?.code == (isRefused ? .unsupportedMediaType : nil))
        #expect(problem?.response.status == (isRefused ? .unsupportedMediaType : nil))
        #expect(
            problem?.header.map { "\($0.name): \($0.value)" }
                == (isRefused ? ["Accept-Encoding: identity"] : nil))
    }

    @Test(arguments: [
        ("", false), ("Content-Type: application/json\r\n", false),
        ("Content-Type: application/json; =x\r\n", false), ("Content-Type:\r\n", true),
        ("Content-Type: \t \r\n", true), ("Content-Type: ;\r\n", true),
        ("Content-Type: application/json, a/b\r\n", true), ("Content-Type: a/b\r\n", true),
    ])
    func `a content type that is there is that of JSON, whatever its parameters`(
        fields: String, isRefused: Bool
    ) throws {
        let (head, bytes) = try head(fields)
        let problem = TransactionEndpoint.refusal(head, bytes.span)
        #expect(problem?.code == (isRefused ? .unsupportedMediaType : nil))
    }

    @Test func `of a long tracestate in several fields, its long members go first`() throws {
        let long = "long=" + String(repeating: "x", count: 245)
        let short = (10..<25).map { "k\($0)=" + String(repeating: "y", count: 17) }
        for fields in [[long] + short, Array(short[..<7]) + [long] + Array(short[7...])] {
            let (head, bytes) = try head(
                fields.map { "tracestate: \($0)\r\n" }.joined(separator: "X: y\r\n"))
            let members = head.traceStateMembers(in: bytes.span)
            let joined = try #require(members)
            #expect(joined.count > TraceState.bytesMax)
            #expect(TraceState(field: joined.span)?.description == short.joined(separator: ","))
        }
    }

    @Test(arguments: [
        ("Accept: application/health+json\r\n", true),
        ("Accept: ,, Application/Health+JSON ;q=0.5,\r\n", true),
        ("Accept: text/html\r\nHost2: a\r\nAccept: application/health+json\r\n", true),
        ("Accept: text/html\r\nX-Accept: application/health+json\r\n", false),
        ("Accept: application/health+json;q=0\r\n", false),
        ("Accept: ;application/health+json\r\n", false), ("Accept: ,\r\n", false), ("", false),
    ])
    func `the media type of health is found at every position`(
        fields: String, isNamed: Bool
    ) throws {
        let (head, bytes) = try head(fields)
        #expect(
            HealthEndpoint.acceptsHealthJSON(
                AcceptedTypes(head.acceptedTypes(in: bytes.span) ?? [])) == isNamed)
    }
}
