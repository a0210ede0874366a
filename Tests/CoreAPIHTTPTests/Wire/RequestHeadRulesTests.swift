import Testing

@testable import CoreAPIBase
@testable import CoreAPIHTTP

/// The rules of RFC 9110 and RFC 9112 for heads and connections. Each input is fed in one piece,
/// split at every byte, and byte by byte, with the same result (`Transcript.lines`).
@Suite struct RequestHeadRulesTests: RequestRules {
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

    @Test func `an unknown method of any length is 501`() {
        for method in [
            "FOO", "get", "Post", "PROPFINDS", "QUERIES", "*", String(repeating: "A", count: 5_000),
        ] {
            expect(.methodUnknown, get(line: "\(method) / HTTP/1.1"))
        }
        expect(.methodUnknown, String(repeating: "A", count: 100_000))
    }

    @Test func `a target may have 8,000 bytes, and is 414 beyond`() {
        let longest = "/" + String(repeating: "a", count: 7_999)
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

    @Test func `an authority of an absolute target is judged as Host is`() {
        for authority in ["a%20b", "a!$&'()*+,;=b:1", "[v1.a]:80"] {
            #expect(lines(get(line: "GET http://\(authority)/a HTTP/1.1")) == ["GET /a ", "close"])
        }
        for authority in ["a,b", "a%zz", "u@a", "[v.a]", "a:80,b:80"] {
            expectMalformed(.target, get(line: "GET http://\(authority)/a HTTP/1.1"))
        }
    }

    @Test func `the path ends before the query`() {
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
        // RFC 9110 §9.3.6: a missing or empty port is refused.
        for target in ["*", "a", "a:", "a:x", ":80", "http://a/", "a,b:80", "[::1]"] {
            expectMalformed(.target, get(line: "CONNECT \(target) HTTP/1.1"))
        }
    }

    @Test(arguments: ["a:80", "[::1]:443", "a%20b:1", "/a"])
    func `CONNECT is the connection's last request, since a tunnel's bytes may follow`(
        target: String
    ) {
        let path = target == "/a" ? target : "*"
        #expect(
            lines(get(line: "CONNECT \(target) HTTP/1.1") + "tunnelled") == [
                "CONNECT \(path) ", "linger", "close",
            ])
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
        "a.example,b.example", "a,", ",a", ",", "a:80,b:80", "a%", "a%4", "a%zz", "a%4g:80",
        "u%40v@a", "[v.a]", "[v1]", "[v1.]", "[vg.a]", "[v1.a/b]", "[v1.a", "a[", "a]", "a<b",
        "a\"b", "a^b", "a|b", "a{b}", "a`b", "[::1]a", "[::1]:x",
    ])
    func `a Host that is no host and port is refused`(host: String) {
        expectMalformed(.host, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    }

    @Test(arguments: [
        "a", "A.example:80", "127.0.0.1:5000", "[::1]", "[2001:db8::1]:443", "a:", "a_b",
        "localhost", "a%20b", "%61", "a%2Cb:80", "a%2F", "%C3%A9.example:80",
        "!$&'()*+;=", "a!$&'()*+,;=b:1", "a,!", "a;b=c", "~-._", "[v1.a]",
        "[V1F.a:b!$&'()*+,;=~]:80",
        "[::ffff:1.2.3.4]:0", "a:65535", "256.1.1.1",
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
