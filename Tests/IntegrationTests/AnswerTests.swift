import CoreAPIBase
import CoreAPIHTTP
import Foundation
import Testing

/// The properties of every answer (RFC 9110, RFC 9112).
@Suite(.serialized, .timeLimit(.minutes(10))) struct AnswerTests {
    private func with(_ body: (APIServer) throws -> Void) async throws {
        try await APIServer.with(["QUEUE": "memory"]) { server in try body(server) }
    }

    /// Everything that comes back until the end of the connection.
    private func exchange(_ server: APIServer, _ request: [UInt8]) throws -> String {
        let client = try RawClient(port: server.port)
        try client.send(request)
        client.shutdownWriting()
        return try client.readToEnd()
    }

    @Test(
        arguments: [
            ("/health", "", 200), ("/nowhere", "", 404), ("/transaction", "", 405),
            ("/health", "Expect: x\r\n", 417), ("/health", "Content-Length: 99999\r\n", 413),
            ("/health", "A : b\r\n", 400), ("/health", "Transfer-Encoding: gzip\r\n", 501),
        ])
    func `an answer to HEAD has a length and no body, also a refusal`(
        path: String, field: String, status: Int
    ) async throws {
        try await with { server in
            let text = try exchange(
                server, Array("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\(field)\r\n".utf8))
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.hasSuffix("\r\n\r\n"), "\(text)")
            let answer = try #require(Answer(text, hasBody: false))
            #expect(Int(answer.fields["content-length"] ?? "") ?? 0 > 0)
        }
    }

    @Test func `every answer has a date`() async throws {
        try await with { server in
            for (request, status) in [
                (APIServer.post(APIServer.body()), 200), (APIServer.post("{"), 400),
                ("OPTIONS /transaction HTTP/1.1\r\nHost: a\r\n\r\n", 204),
                ("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
                ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ] {
                let answer = try server.exchange(request)
                #expect(answer.status == status)
                #expect(answer.fields["date"]?.hasSuffix(" GMT") == true)
            }
        }
    }

    @Test func `a caller's close is honoured, and said`() async throws {
        try await with { server in
            let get = "GET /health HTTP/1.1\r\nHost: a\r\n"
            for request in [
                "\(get)Connection: close\r\n\r\n\(get)\r\n",
                "\(get)Connection: x, Close\r\n\r\n\(get)\r\n",
                "GET /health HTTP/1.0\r\n\r\n\(get)\r\n",
            ] {
                let text = try exchange(server, Array(request.utf8))
                #expect(text.contains("\r\nConnection: close\r\n"))
                #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 2, "one answer")
            }
        }
    }

    @Test func `the body of a refused request is read, and the next request is answered`()
        async throws
    {
        try await with { server in
            let body = String(repeating: "x", count: 10_000)
            let framed = "Content-Length: 10000\r\n\r\n\(body)"
            let chunked = "Transfer-Encoding: chunked\r\n\r\n2710\r\n\(body)\r\n0\r\n\r\n"
            for (line, field, status) in [
                ("POST /nowhere", "", 404), ("PUT /transaction", "", 405),
                ("POST /transaction", "Content-Type: text/plain\r\n", 415),
                ("GET /health", "", 200),
            ] {
                for content in [framed, chunked] {
                    let client = try RawClient(port: server.port)
                    try client.send("\(line) HTTP/1.1\r\nHost: a\r\n\(field)\(content)")
                    let first = try client.readAnswer()
                    #expect(first.status == status)
                    #expect(first.fields["connection"] == nil)
                    try client.send(APIServer.post(APIServer.body()))
                    #expect(try client.readAnswer().status == 200)
                }
            }
        }
    }

    @Test func `bytes beyond ASCII are refused outside of field values, and never decoded`()
        async throws
    {
        try await with { server in
            for byte: UInt8 in [0x80, 0xC3, 0xE9, 0xFF] {
                for (before, after) in [
                    ("GET /he", "alth HTTP/1.1\r\nHost: a\r\n\r\n"),
                    ("GET /health HTTP/1.1\r\nHost: a", "\r\n\r\n"),
                    ("GET /health HTTP/1.1\r\nHost: a\r\nX", ": b\r\n\r\n"),
                    ("G", "ET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
                ] {
                    let request = Array(before.utf8) + [byte] + Array(after.utf8)
                    let text = try exchange(server, request)
                    #expect(text.hasPrefix("HTTP/1.1 400 "))
                }
                // obs-text (RFC 9110 §5.5) in an ignored field.
                let request =
                    Array("GET /health HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [byte]
                    + Array("\r\n\r\n".utf8)
                #expect(try exchange(server, request).hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test func `an absolute target is answered, whatever Host says`() async throws {
        try await with { server in
            for target in ["http://core.example/health", "HTTPS://core.example:443/health?x"] {
                let answer = try server.exchange("GET \(target) HTTP/1.1\r\nHost: other\r\n\r\n")
                #expect(answer.status == 200)
            }
        }
    }

    @Test func `health says nothing of output while it passes`() async throws {
        try await RedisServer.with { redis in
            let environment = ["REDIS_URL": redis.url, "HEALTH_WORKERS_MIN": "0"]
            try await APIServer.with(environment) { server in
                try await eventually("health passes") { try server.get("/health").status == 200 }
                let answer = try server.get("/health")
                #expect(answer.body.hasSuffix("\"status\": \"pass\"}"))
                #expect(!answer.body.contains("output"))
            }
        }
    }
}
