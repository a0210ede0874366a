import CoreAPIBase
import Testing

@testable import CoreAPIHTTP

/// The response to a request (RFC 9112 §4 to §8), whole, split at each byte, and byte by byte.
struct ResponseParserTests {
    private static let ok = "HTTP/1.1 200 OK\r\n"

    @Test(arguments: [
        ("Content-Length: 2\r\n\r\nab", "ab"),
        ("Content-Length: 2\r\n\r\nabcd", "ab"),
        ("content-length:002 \r\n\r\nab", "ab"),
        ("Content-Length: 0\r\n\r\n", ""),
        ("Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\nrest", "abc"),
        ("Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", ""),
        ("\r\nab", "ab"),
        ("\r\n", ""),
        ("Content-Encoding: identity\r\n\r\nab", "ab"),
        // RFC 9112 §5.2: a folded line continues the value.
        ("X: a\r\n b\r\n\tc\r\nContent-Length:\r\n  2\r\n\r\nab", "ab"),
    ])
    func `a body ends with its length, its last chunk, or the connection`(
        rest: String, body: String
    ) throws {
        let response = try ResponseRules.response(Self.ok + rest)
        #expect(response.status == 200)
        #expect(response.body == body)
    }

    @Test(arguments: [
        ("HTTP/1.1 404 Not Found", 404), ("HTTP/1.0 200 OK", 200), ("HTTP/1.1 302 ", 302),
        ("HTTP/1.9 500", 500), ("HTTP/1.1 999 \u{E4}\tb", 999), ("HTTP/1.1 204 x", 204),
    ])
    func `a status line has a version, three digits and perhaps a reason`(
        line: String, status: Int
    ) throws {
        #expect(try ResponseRules.response(line + "\r\n\r\n").status == status)
    }

    @Test(arguments: [
        "HTTP/2 200 OK", "HTTP/1.1 99 x", "HTTP/1.1 099 x", "HTTP/1.1 2000 x", "HTTP/1.1  200 x",
        "HTTP/1.1\t200 x", "HTTP/1.x 200 x", "HTTP/1.1 200\u{1}x", "HTTP/1.1 200x", "HTTP/1.1 20",
        "http/1.1 200 OK", "SSH-2.0-OpenSSH_9.2", "", "HTTP/1.1 -20 x", "HTTP/1.10 200 x",
    ])
    func `another status line is refused`(line: String) {
        #expect(ResponseRules.outcome(line + "\r\n\r\n") == .failure(.notHTTP))
    }

    @Test func `another protocol is refused at its first bytes`() {
        for text in ["\u{15}\u{3}", "HTTQ", "HTTP/2", "+OK"] {
            var parser = ResponseParser(limits: HTTPClientLimits())
            #expect(throws: HTTPResponseError.notHTTP) {
                try parser.received(Array(text.utf8).span)
            }
        }
    }

    @Test(arguments: ["\u{15}\u{3}", "HTTQ/1.1 200 OK", ""])
    func `another protocol is named as such, also with a line that is too long`(start: String) {
        var limits = HTTPClientLimits()
        limits.headBytesMax = 64
        let line = start + String(repeating: "x", count: 100)
        #expect(ResponseRules.outcome(line, limits: limits) == .failure(.notHTTP))
        #expect(
            ResponseRules.outcome("HTTP/1.1 200 " + line, limits: limits)
                == .failure(.headTooLarge))
    }

    @Test(arguments: [
        "Content-Length: 3\r\n\r\nab", "Content-Length: 1", "Content-Length: 1\r\n",
        "Content-Length: 1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n", "",
    ])
    func `a response that the connection cuts short is refused`(rest: String) {
        #expect(ResponseRules.outcome(Self.ok + rest) == .failure(.incomplete))
    }

    @Test(arguments: [
        "Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2, 2", "Content-Length: +2",
        "Content-Length: -2", "Content-Length: 0x2", "Content-Length:", "Content-Length: 2 2",
        "Content-Length: 2\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: xchunked",
        "Transfer-Encoding:", "Transfer-Encoding: identity",
    ])
    func `contradictions of the framing are refused`(fields: String) {
        #expect(
            ResponseRules.outcome(Self.ok + fields + "\r\n\r\nab") == .failure(.framing))
    }

    @Test func `HTTP 1.0 has no transfer coding`() {
        #expect(
            ResponseRules.outcome(
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                == .failure(.framing))
    }

    @Test(arguments: [
        "Name : x", " folded: x", "Name", ": x", "N\u{1}: x", "Name: a\u{0}b", "Name: a\rb",
    ])
    func `malformed fields are refused`(field: String) {
        #expect(ResponseRules.outcome(Self.ok + field + "\r\n\r\n") == .failure(.head))
    }

    @Test func `a bare line feed is no line end`() {
        #expect(ResponseRules.outcome("HTTP/1.1 200 OK\n\n") == .failure(.notHTTP))
        #expect(ResponseRules.outcome(Self.ok + "A: b\n\r\n") == .failure(.head))
    }

    @Test(arguments: ["gzip", "br", "identity, gzip", "deflate", ""])
    func `a content coding is refused`(coding: String) {
        let text = Self.ok + "Content-Encoding: \(coding)\r\nContent-Length: 2\r\n\r\nab"
        #expect(ResponseRules.outcome(text) == .failure(.contentCoding))
    }

    @Test(arguments: [
        "\r\nG\r\n", "\r\n-1\r\n", "\r\n 1\r\na\r\n", "\r\n1\r\nab\r\n", "\r\n1;\r\na\r\n0\r\n\r\n",
        "\r\n0\r\n bad\r\n\r\n",
    ])
    func `malformed chunks are refused`(rest: String) {
        let text = Self.ok + "Transfer-Encoding: chunked\r\n" + rest
        #expect(ResponseRules.outcome(text) == .failure(.chunks))
    }

    @Test(arguments: [100, 102, 103, 199])
    func `interim responses are passed over`(status: Int) throws {
        let interim = "HTTP/1.1 \(status) x\r\nLink: y\r\n\r\n"
        let text = interim + interim + Self.ok + "Content-Length: 2\r\n\r\nab"
        #expect(try ResponseRules.response(text).body == "ab")
    }

    @Test func `a switch of protocols, and too many interim responses, are refused`() {
        #expect(ResponseRules.outcome("HTTP/1.1 101 x\r\n\r\n") == .failure(.interim))
        let interim = String(repeating: "HTTP/1.1 100 x\r\n\r\n", count: 9)
        #expect(ResponseRules.outcome(interim + Self.ok + "\r\n") == .failure(.interim))
    }

    @Test(arguments: [204, 304])
    func `a status without content has none`(status: Int) throws {
        let text = "HTTP/1.1 \(status) x\r\nContent-Length: 5\r\n\r\n"
        #expect(try ResponseRules.response(text).body == "")
    }

    // MARK: - Limits

    private static let small: HTTPClientLimits = {
        var limits = HTTPClientLimits()
        (limits.headBytesMax, limits.fieldsMax, limits.bodyBytesMax) = (64, 3, 8)
        return limits
    }()

    @Test(arguments: [
        "Content-Length: 8\r\n\r\n12345678", "\r\n12345678",
        "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n",
    ])
    func `a body of the limit is taken`(rest: String) throws {
        #expect(
            try ResponseRules.response(Self.ok + rest, limits: Self.small).body == "12345678")
    }

    @Test(arguments: [
        "Content-Length: 9\r\n\r\n", "Content-Length: 99999999999999999999999\r\n\r\n",
        "\r\n123456789", "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n1\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    ])
    func `a body beyond the limit is refused`(rest: String) {
        #expect(
            ResponseRules.outcome(Self.ok + rest, limits: Self.small) == .failure(.bodyTooLarge))
    }

    @Test func `a head beyond the limit is refused`() {
        let limits = Self.small
        let line = "A: " + String(repeating: "b", count: 64) + "\r\n"
        #expect(ResponseRules.outcome(Self.ok + line, limits: limits) == .failure(.headTooLarge))
        let fields = String(repeating: "A: b\r\n", count: 4)
        #expect(ResponseRules.outcome(Self.ok + fields, limits: limits) == .failure(.headTooLarge))
    }

    @Test func `framing of chunks is bounded`() {
        let chunk = "1;" + String(repeating: "a", count: 4_000) + "\r\nb\r\n"
        let text = Self.ok + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk
        var parser = ResponseParser(limits: Self.small)
        #expect(throws: HTTPResponseError.bodyTooLarge) {
            try parser.received(Array(text.utf8).span)
        }
    }

    @Test func `after the end, bytes are ignored`() throws {
        var parser = ResponseParser(limits: HTTPClientLimits())
        let text = Array((Self.ok + "Content-Length: 0\r\n\r\n").utf8)
        let response = try parser.received(text.span)
        #expect(response?.status == 200)
        let next = try parser.received(text.span)
        #expect(next == nil)
        #expect(throws: HTTPResponseError.incomplete) { try parser.ended() }
    }
}
