import CoreAPIKit
import Foundation
import Testing

@testable import CoreAPIHTTP
@testable import CoreAPIServer

/// docs/openapi.json: served unchanged, and complete. Tests/OpenAPITests (`make openapi`) compares
/// it with the server's behaviour.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OpenAPITests {
    private let bytes: Data
    private let components: [String: Any]
    private let document: [String: Any]

    init() throws {
        bytes = try Data(contentsOf: Program.root.appending(path: "docs/openapi.json"))
        document = try #require(JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        components = try #require(document["components"] as? [String: Any])
    }

    private func schema(_ name: String) throws -> [String: Any] {
        let schemas = try #require(components["schemas"] as? [String: [String: Any]])
        return try #require(schemas[name])
    }

    @Test func `the document is served byte for byte`() async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in
            let answer = try server.get("/openapi.json?pretty")
            #expect(answer.status == 200)
            #expect(answer.fields["content-type"] == "application/json")
            #expect(Data(answer.body.utf8) == bytes)
            let client = try RawClient(port: server.port)
            try client.send(
                "HEAD /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = try client.readToEnd()
            #expect(text.contains("\r\nContent-Length: \(bytes.count)\r\n"))
            #expect(text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `the document has the program's version`() throws {
        let info = try #require(document["info"] as? [String: Any])
        #expect(info["version"] as? String == Command.versionNumber)
    }

    @Test func `the document lists the currencies in which something can be charged`() throws {
        let codes = CurrencyCode.all.filter { $0.minorUnit != nil && !$0.isFund }
            .map(\.alphabetic)
        #expect(try schema("Currency")["enum"] as? [String] == codes)
    }

    @Test func `the document knows every problem, and shows it under its status`() throws {
        let codes = Problem.Code.allCases
        #expect(try schema("ProblemCode")["enum"] as? [String] == codes.map(\.rawValue))
        let responses = try #require(components["responses"] as? [String: [String: Any]])
        var shown: [String: [String: Any]] = [:]
        for response in responses.values {
            let content = response["content"] as? [String: [String: Any]]
            let examples = content?["application/problem+json"]?["examples"]
            for (name, example) in examples as? [String: [String: Any]] ?? [:] {
                shown[name] = example["value"] as? [String: Any]
            }
        }
        #expect(Set(shown.keys) == Set(codes.map(\.rawValue)))
        for code in codes {
            let example = try #require(shown[code.rawValue])
            #expect(example["code"] as? String == code.rawValue)
            #expect(example["type"] as? String == Problem.Code.typePrefix + code.rawValue)
            #expect(example["title"] as? String == code.title)
            #expect(example["status"] as? Int == code.status.rawValue)
            #expect(example["detail"] as? String == example["error"] as? String)
        }
    }
}
