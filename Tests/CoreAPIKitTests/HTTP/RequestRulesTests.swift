import CoreAPIKit
import Testing

@testable import CoreAPIServer

/// The checklist of RFC 9110 and RFC 9112, line by line. Each input is fed whole, split at every
/// byte, and one byte at a time, with the same result (`Transcript.lines`).
@Suite struct RequestRulesTests {
    private func lines(_ text: String, thenEnds: Bool = true) -> [String] {
        Transcript.lines(text, thenEnds: thenEnds) { Issue.record("\($0)") }
    }

    private func refusal(_ text: String) -> String? {
        let lines = lines(text)
        guard lines.last == "close", let first = lines.first, first.hasPrefix("refuse ") else {
            return nil
        }
        return String(first.dropFirst(7))
    }

    private func expectMalformed(
        _ reason: HTTPRefusal.Reason, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            refusal(text) == "\(HTTPRefusal.malformed(reason))", "\(text.debugDescription)",
            sourceLocation: sourceLocation)
    }

    private func expect(
        _ refused: HTTPRefusal, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            refusal(text) == "\(refused)", "\(text.prefix(200).debugDescription)",
            sourceLocation: sourceLocation)
    }

    private func get(_ fields: String = "", line: String = "GET /health HTTP/1.1") -> String {
        "\(line)\r\nHost: a\r\n\(fields)\r\n"
    }

    private func post(_ fields: String, _ body: String = "") -> String {
        "POST /transaction HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }

    // MARK: - Request line (RFC 9112 §3)

    @Test func `a request is read`() {
        #expect(lines(get()) == ["GET /health ", "close"])
        #expect(lines(post("Content-Length: 3\r\n", "abc")) == ["POST /transaction abc", "close"])
    }

    @Test func `one empty line before the request line is ignored, and no more (§2.2)`() {
        #expect(lines("\r\n" + get()) == ["GET /health ", "close"])
        expectMalformed(.requestLine, "\r\n\r\n" + get())
        expectMalformed(.bareLineFeed, "\n" + get())
    }

    @Test func `a bare line feed ends no line (§2.2)`() {
        expectMalformed(.bareLineFeed, "GET / HTTP/1.1\nHost: a\r\n\r\n")
        expectMalformed(.bareLineFeed, "GET / HTTP/1.1\r\nHost: a\n\r\n")
        expectMalformed(.bareLineFeed, "GET / HTTP/1.1\r\nHost: a\r\n\n")
    }

    @Test(arguments: [
        "GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1", "GET / x HTTP/1.1", "G(T / HTTP/1.1", "GÉT / HTTP/1.1",
        "GET /\r HTTP/1.1",
        "{\"amount\":1}", "",
    ])
    func `a request line is method, space, target, space, version`(line: String) {
        let refused = refusal("\r\n" + get(line: line)) ?? "accepted"
        #expect(refused.hasPrefix("malformed"), "\(line)")
    }

    @Test(arguments: [
        "http/1.1", "HTTP/1", "HTTP/1.", "HTTP/11", "HTTP/1.11", "HTTP/1,1", "HTTPS/1.1",
        "HTTP/x.1", "HTTP 1.1",
    ])
    func `a version is HTTP and two digits, in upper case (§2.3)`(version: String) {
        expectMalformed(version.contains(" ") ? .version : .version, get(line: "GET / \(version)"))
    }

    @Test func `another major version is 505, another minor one is served`() {
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"] {
            expect(.versionNotSupported, get(line: "GET / \(version)"))
        }
        #expect(lines(get(line: "GET /a HTTP/1.2")) == ["GET /a ", "close"])
    }

    @Test func `a method that nobody knows is 501, whatever its length`() {
        for method in ["FOO", "get", "Post", "PROPFIND", String(repeating: "A", count: 5_000)] {
            expect(.methodUnknown, get(line: "\(method) / HTTP/1.1"))
        }
        expect(.methodUnknown, String(repeating: "A", count: 100_000))
    }

    @Test func `a target may have 4 KiB, and is 414 beyond`() {
        let longest = "/" + String(repeating: "a", count: 4_095)
        #expect(lines(get(line: "GET \(longest) HTTP/1.1")) == ["GET \(longest) ", "close"])
        expect(.targetTooLong, get(line: "GET \(longest)a HTTP/1.1"))
        expect(.targetTooLong, "GET /" + String(repeating: "a", count: 100_000))
    }

    @Test(arguments: [
        "/a?b=c&d=%C3%A9", "/", "/a/b;c=1,2:@!$&'()*+~-._", "/a?", "/a?b/c?d", "http://a/a",
        "HTTP://A:80/a?b",
        "http://[::1]:80/a", "http://a", "http://a?b", "https://a/a",
    ])
    func `origin-form and absolute-form are served (§3.2)`(target: String) {
        #expect(lines(get(line: "GET \(target) HTTP/1.1")).count == 2)
        #expect(refusal(get(line: "GET \(target) HTTP/1.1")) == nil)
    }

    @Test func `the path is what stands before the query`() {
        #expect(lines(get(line: "GET /a?b HTTP/1.1")) == ["GET /a ", "close"])
        #expect(lines(get(line: "GET http://b.example:80/a?b HTTP/1.1")) == ["GET /a ", "close"])
        #expect(lines(get(line: "GET http://b.example HTTP/1.1")) == ["GET  ", "close"])
    }

    @Test(arguments: [
        "a", "*a", "/a#b", "/é", "/a\u{7F}", "/<", "/\"", "/\\", "/^", "/`", "/{a}", "/|", "/%",
        "/%4", "/%zz", "/[a]",
        "ftp://a/", "http:/a", "http:a", "http://", "http:///a", "http://u@a/", "http://a,b/",
        "http://a b/", "a:80",
        "//a\u{0}", "http://a:x/", "http://[::1/", "/\u{1}",
    ])
    func `a target in no form, or with bytes that no target has, is refused`(target: String) {
        let refused = refusal(get(line: "GET \(target) HTTP/1.1")) ?? "accepted"
        #expect(refused.hasPrefix("malformed"), "\(target.debugDescription)")
    }

    @Test func `the asterisk belongs to OPTIONS, an authority to CONNECT (§3.2.3, §3.2.4)`() {
        #expect(lines(get(line: "OPTIONS * HTTP/1.1")) == ["OPTIONS * ", "close"])
        for method in ["GET", "POST", "HEAD", "DELETE"] {
            expectMalformed(.target, get(line: "\(method) * HTTP/1.1"))
        }
        expectMalformed(.target, get(line: "CONNECT /a HTTP/1.1"))
        expectMalformed(.target, get(line: "CONNECT * HTTP/1.1"))
        expect(.methodUnknown, get(line: "CONNECT a:80 HTTP/1.1"))
    }

    // MARK: - Host (RFC 9112 §3.2)

    @Test func `HTTP 1.1 has one Host, HTTP 1.0 need not`() {
        expectMalformed(.host, "GET / HTTP/1.1\r\n\r\n")
        expectMalformed(.host, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")
        expectMalformed(.host, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        expectMalformed(.host, "GET http://a/ HTTP/1.1\r\n\r\n")
        expectMalformed(.host, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")
        #expect(lines("GET / HTTP/1.0\r\n\r\n").first == "GET / ")
    }

    @Test(arguments: [
        "", " ", "u@a", "u:p@a", "a/b", "a,b", "a, b", "a b", "http://a", "a:b", "a:80:80", ":80",
        "a:99999", "[::1", "[]", "[g]", "a?b", "a#b", "é", "a\\b",
    ])
    func `a Host that is no host and port is refused`(host: String) {
        expectMalformed(.host, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    }

    @Test(arguments: [
        "a", "A.example:80", "127.0.0.1:5000", "[::1]", "[2001:db8::1]:443", "a:", "a_b",
        "localhost",
    ])
    func `a Host that is one is accepted`(host: String) {
        #expect(lines("GET / HTTP/1.1\r\nHost:\(host) \t\r\n\r\n") == ["GET / ", "close"])
    }

    // MARK: - Fields (RFC 9112 §5)

    @Test(arguments: [
        "A : b", "A\t: b", ": b", "A b: c", "A", "Ä: b", "A(: b", "A\u{0}: b", "\"A\": b",
    ])
    func `a field's name is a token, and its colon follows at once (§5.1)`(field: String) {
        expectMalformed(.fieldName, get("\(field)\r\n"))
    }

    @Test func `Transfer-Encoding with a space before its colon is refused`() {
        expectMalformed(.fieldName, post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"))
    }

    @Test(arguments: ["\u{0}", "\u{1}", "\r", "\u{B}", "\u{C}", "\u{1F}", "\u{7F}", "a\rb"])
    func `a field's value has no control characters (RFC 9110 §5.5)`(character: String) {
        expectMalformed(.fieldValue, get("A: x\(character)y\r\n"))
    }

    @Test func `a field's value may be empty, and have tabs and bytes beyond ASCII`() {
        #expect(lines(get("A:\r\nB: \r\nC: \t a\tb é \r\n")) == ["GET /health ", "close"])
    }

    @Test func `a field does not go on in the next line (§5.2)`() {
        expectMalformed(.obsoleteFolding, get("A: b\r\n c\r\n"))
        expectMalformed(.obsoleteFolding, get("A: b\r\n\tc\r\n"))
        expectMalformed(.obsoleteFolding, "GET / HTTP/1.1\r\n Host: a\r\n\r\n")
    }

    @Test func `a head has 100 fields and 16 KiB, and is 431 beyond`() {
        func fields(_ count: Int) -> String { String(repeating: "A: b\r\n", count: count) }
        #expect(lines(get(fields(99))) == ["GET /health ", "close"])
        expect(.fieldsTooLarge, get(fields(100)))
        let start = get().utf8.count
        func padded(_ total: Int) -> String {
            get("A: \(String(repeating: "b", count: total - start - 5))\r\n")
        }
        #expect(padded(16_384).utf8.count == 16_384)
        #expect(lines(padded(16_384)) == ["GET /health ", "close"])
        expect(.fieldsTooLarge, padded(16_385))
        expect(.fieldsTooLarge, get("A: " + String(repeating: "b", count: 100_000)))
    }

    @Test func `Content-Type and Authorization are given once`() {
        for name in ["Content-Type", "AUTHORIZATION"] {
            expectMalformed(.repeatedField, get("\(name): a\r\n\(name): a\r\n"))
        }
    }

    // MARK: - Content-Length (RFC 9112 §6.2, §6.3)

    @Test(arguments: [
        "+3", "-3", "0x3", "3,3", "3, 3", "3;", "3 3", "", " ", "three", "3.0", "٣", "1e1", "3_0",
    ])
    func `Content-Length is digits alone`(value: String) {
        expectMalformed(.contentLength, post("Content-Length: \(value)\r\n", "abc"))
    }

    @Test func `Content-Length is given once, even if the same`() {
        expectMalformed(.contentLength, post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"))
        expectMalformed(.contentLength, post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"))
        let huge = String(repeating: "9", count: 30)
        expectMalformed(
            .contentLength, post("Content-Length: \(huge)\r\nContent-Length: 3\r\n", "abc"))
    }

    @Test func `a body has 16 KiB, and is 413 beyond, however its length overflows`() {
        let longest = String(repeating: "a", count: 16_384)
        #expect(
            lines(post("Content-Length: 16384\r\n", longest)) == [
                "POST /transaction \(longest)", "close",
            ])
        for length in [
            "16385", "9223372036854775807", "9223372036854775808", "18446744073709551619",
            String(repeating: "9", count: 100),
        ] {
            expect(.bodyTooLarge, post("Content-Length: \(length)\r\n", "abc"))
        }
    }

    @Test func `a body that ends early is refused (§8)`() {
        expectMalformed(.endedEarly, post("Content-Length: 4\r\n", "abc"))
        expectMalformed(.endedEarly, post("Content-Length: 4\r\n"))
        expectMalformed(.endedEarly, "GET / HT")
    }

    // MARK: - Transfer-Encoding (RFC 9112 §6.1, §7)

    @Test func `chunks are taken apart`() {
        for body in [
            "3\r\nabc\r\n0\r\n\r\n", "1\r\na\r\n1\r\nb\r\n01\r\nc\r\n000\r\n\r\n",
            "3;a\r\nabc\r\n0;b=c;d=\"e \\\" f\"\r\n\r\n",
            "3 ; a = b\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nTrailer: x\r\nB:\r\n\r\n",
        ] {
            #expect(
                lines(post("Transfer-Encoding: chunked\r\n", body)) == [
                    "POST /transaction abc", "close",
                ], "\(body)")
        }
        #expect(
            lines(
                post(
                    "transfer-encoding: CHUNKED\r\n",
                    "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"))
                == ["POST /transaction 01234567890123456789", "close"])
    }

    @Test(arguments: [" 3", "3 ", "0x3", "-3", "+3", "3_0", "3g", "", "\t3", "3.0", "3,3", "３"])
    func `a chunk's size is hexadecimal digits alone`(size: String) {
        let found =
            refusal(post("Transfer-Encoding: chunked\r\n", "\(size)\r\nabc\r\n0\r\n\r\n"))
            ?? "accepted"
        #expect(found.hasPrefix("malformed"), "\(size)")
    }

    @Test(arguments: [
        ";", "; ", ";=a", ";a=", ";a;", ";a b", ";a=\"b", ";a\u{0}", ";a=\u{0}", ";a=\"\u{0}\"",
        ";\u{0}", ";a=b c", " a", ";a=\"b\\",
    ])
    func `a chunk extension is a name, perhaps with a value (§7.1.1)`(text: String) {
        expectMalformed(
            .chunkExtension, post("Transfer-Encoding: chunked\r\n", "3\(text)\r\nabc\r\n0\r\n\r\n"))
        expectMalformed(.chunkExtension, post("Transfer-Encoding: chunked\r\n", "0\(text)\r\n\r\n"))
    }

    @Test(arguments: [
        "10000000000000000", "FFFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF", "8000000000000000", "4001",
        "100000000000000000000000000000003",
    ])
    func `a chunk's size that is too large, or overflows, is 413`(size: String) {
        expect(.bodyTooLarge, post("Transfer-Encoding: chunked\r\n", "\(size)\r\nabc\r\n0\r\n\r\n"))
    }

    @Test func `a chunked body has 16 KiB, however it is cut`() {
        func body(_ count: Int, _ times: Int) -> String {
            let chunk = "\(String(count, radix: 16))\r\n\(String(repeating: "a", count: count))\r\n"
            return post(
                "Transfer-Encoding: chunked\r\n",
                String(repeating: chunk, count: times) + "0\r\n\r\n")
        }
        #expect(lines(body(1_024, 16)).first?.count == 18 + 16_384)
        expect(.bodyTooLarge, body(1_024, 17))
        expect(.bodyTooLarge, body(1, 10_000))
    }

    @Test func `chunks' lines have a bound`() {
        expect(
            .bodyTooLarge,
            post("Transfer-Encoding: chunked\r\n", "3;" + String(repeating: "a", count: 20_000)))
        let trailers = String(repeating: "A: b\r\n", count: 4_000)
        expect(.bodyTooLarge, post("Transfer-Encoding: chunked\r\n", "0\r\n\(trailers)\r\n"))
    }

    @Test func `a chunk's data has its size, and ends in CR LF`() {
        for body in [
            "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3\r\nabc\n0\r\n\r\n",
            "3\r\nabc\rx0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n",
        ] {
            expectMalformed(.chunkEnd, post("Transfer-Encoding: chunked\r\n", body))
        }
        expectMalformed(
            .bareLineFeed, post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"))
        expectMalformed(
            .bareLineFeed, post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\n\r\n"))
        expectMalformed(
            .bareLineFeed, post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\n"))
    }

    @Test func `a chunked body without its last chunk is refused (§8)`() {
        for body in ["3\r\nabc\r\n", "3\r\nabc", "3", "", "3\r\nabc\r\n0\r\n"] {
            expectMalformed(.endedEarly, post("Transfer-Encoding: chunked\r\n", body))
        }
    }

    @Test func `trailers are checked and dropped`() {
        let start = "0\r\n"
        expectMalformed(.fieldName, post("Transfer-Encoding: chunked\r\n", "\(start)A : b\r\n\r\n"))
        expectMalformed(
            .fieldValue, post("Transfer-Encoding: chunked\r\n", "\(start)A: \u{0}\r\n\r\n"))
        expectMalformed(
            .obsoleteFolding, post("Transfer-Encoding: chunked\r\n", "\(start)A: b\r\n c\r\n\r\n"))
        let smuggled = "\(start)Content-Length: 5\r\nHost: b\r\nTransfer-Encoding: gzip\r\n\r\n"
        #expect(
            lines(post("Transfer-Encoding: chunked\r\n", smuggled)) == [
                "POST /transaction ", "close",
            ])
    }

    @Test(arguments: [
        "identity", "gzip", "xchunked", "chunkedx", "gzip, chunked", "deflate,gzip,chunked",
    ])
    func `an unknown transfer coding is 501`(coding: String) {
        expect(.transferCodingUnknown, post("Transfer-Encoding: \(coding)\r\n", "0\r\n\r\n"))
    }

    @Test(arguments: [
        "", " ", ",", "chunked,", ",chunked", "chunked, gzip", "chunked, chunked", "chunked;a=b",
        "chunked chunked", "\"chunked\"",
    ])
    func `a Transfer-Encoding that is not chunked, and that once, is refused`(coding: String) {
        expectMalformed(.transferEncoding, post("Transfer-Encoding: \(coding)\r\n", "0\r\n\r\n"))
    }

    @Test func `Transfer-Encoding over two lines is one list`() {
        expectMalformed(
            .transferEncoding,
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
        expect(
            .transferCodingUnknown,
            post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
    }

    @Test func `Transfer-Encoding with Content-Length, or in HTTP 1.0, ends the connection`() {
        expectMalformed(
            .lengthAndCoding,
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"))
        expectMalformed(
            .lengthAndCoding,
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
        expectMalformed(
            .lengthAndCoding,
            post(
                "Content-Length: 99999999999999999999\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n"))
        expectMalformed(
            .transferEncodingOld, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    }

    // MARK: - Expect (RFC 9110 §10.1.1)

    @Test func `an unknown expectation is 417, and ignored in HTTP 1.0`() {
        expect(.expectationUnknown, get("Expect: 200-ok\r\n"))
        expect(.expectationUnknown, get("Expect: 100-continue\r\nExpect: x\r\n"))
        #expect(lines("GET / HTTP/1.0\r\nExpect: x\r\n\r\n").first == "GET / ")
        #expect(
            lines(post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "a")) == [
                "POST /transaction a", "close",
            ])
    }

    // MARK: - Pipelining and persistence (RFC 9112 §9.3)

    @Test func `pipelined requests are answered in order`() {
        let requests =
            get(line: "GET /1 HTTP/1.1") + post("Content-Length: 1\r\n", "2")
            + post("Transfer-Encoding: chunked\r\n", "1\r\n3\r\n0\r\n\r\n")
            + get(line: "GET /4 HTTP/1.1")
        #expect(
            lines(requests) == [
                "GET /1 ", "POST /transaction 2", "POST /transaction 3", "GET /4 ", "close",
            ])
        #expect(lines(requests, thenEnds: false).last == "waits")
    }

    @Test func `a request after a refused one is never looked at`() {
        #expect(
            lines(post("Content-Length: +1\r\n", "a") + get()).filter { $0.hasPrefix("GET") } == [])
    }

    @Test func `after Connection close nothing more is read`() {
        for fields in [
            "Connection: close\r\n", "connection: Keep-Alive, CLOSE\r\n",
            "Connection: a\r\nConnection: close\r\n",
        ] {
            #expect(lines(get(fields) + get()) == ["GET /health ", "linger", "close"])
        }
    }

    @Test func `HTTP 1.0 closes, unless keep-alive is asked for`() {
        let old = "GET /a HTTP/1.0\r\n"
        #expect(lines(old + "\r\n" + get()) == ["GET /a ", "linger", "close"])
        #expect(
            lines(old + "Connection: keep-alive\r\n\r\n" + get()) == [
                "GET /a ", "GET /health ", "close",
            ])
        #expect(
            lines(old + "Connection: keep-alive, close\r\n\r\n" + get()) == [
                "GET /a ", "linger", "close",
            ])
    }
}
