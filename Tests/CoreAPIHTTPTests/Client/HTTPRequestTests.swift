import Testing

@testable import CoreAPIHTTP

struct HTTPRequestTests {
    private func text(_ request: HTTPRequest) throws -> String {
        let url = try HTTPURL("https://auth.example:8443/keys?v=1")
        return String(decoding: request.bytes(to: url), as: UTF8.self)
    }

    @Test func `a GET has a target, a host and its fields`() throws {
        var request = HTTPRequest()
        let isAdded = request.add("Accept", "application/json")
        #expect(isAdded)
        #expect(
            try text(request) == """
                GET /keys?v=1 HTTP/1.1\r
                Host: auth.example:8443\r
                User-Agent: core-api\r
                Accept-Encoding: identity\r
                Connection: close\r
                Accept: application/json\r
                \r\n
                """)
    }

    @Test func `a POST has its type, its length and its body`() throws {
        let request = HTTPRequest(
            .post(contentType: "application/json", body: Array("{\"a\":1}".utf8)))
        #expect(
            try text(request) == """
                POST /keys?v=1 HTTP/1.1\r
                Host: auth.example:8443\r
                User-Agent: core-api\r
                Accept-Encoding: identity\r
                Connection: close\r
                Content-Type: application/json\r
                Content-Length: 7\r
                \r
                {"a":1}
                """)
    }

    @Test(arguments: [
        ("", "x"), ("A b", "x"), ("A:", "x"), ("A", "x\r\nB: y"), ("A", "x\u{0}"), ("A", " x"),
        ("A", "x "), ("Host", "x"), ("content-length", "1"), ("Transfer-Encoding", "chunked"),
    ])
    func `a field that is invalid or the client's own is not added`(name: String, value: String)
        throws
    {
        var request = HTTPRequest()
        let before = try text(request)
        let isAdded = request.add(name, value)
        #expect(!isAdded)
        #expect(try text(request) == before)
    }
}
