import Testing

@testable import CoreAPIHTTP

/// List fields (RFC 9110 §5.6.1): elements may be empty, and several fields form one list.
/// Transfer-Encoding is the exception: see `RequestBodyRulesTests`.
@Suite struct FieldListRulesTests: RequestRules {
    private func head(_ fields: String) throws -> (head: RequestHead, bytes: [UInt8]) {
        let bytes = Array(post("\(fields)Content-Length: 1\r\n").utf8)
        var parser = RequestParser(limits: HTTPLimits())
        #expect(try parser.parse(bytes.span))
        return (parser.head, bytes)
    }

    // MARK: - Expect (RFC 9110 §10.1.1)

    @Test(arguments: [
        ("Expect:\r\n", false), ("Expect: \t \r\n", false), ("Expect: ,\r\n", false),
        ("Expect: , ,,\r\n", false), ("Expect:\r\nExpect:\r\n", false),
        ("Expect: 100-continue\r\n", true), ("Expect: 100-continue,\r\n", true),
        ("Expect: ,100-Continue\r\n", true), ("Expect: , 100-CONTINUE ,\t,\r\n", true),
        ("Expect: 100-continue, 100-continue\r\n", true),
        ("Expect: 100-continue\r\nexpect: 100-continue\r\n", true),
        ("Expect:\r\nExpect: 100-continue\r\n", true),
        ("Expect: 100-continue\r\nExpect:\r\n", true),
    ])
    func `empty and repeated expectations count as none or as one`(
        fields: String, expects: Bool
    ) throws {
        #expect(try head(fields).head.expectsContinue == expects)
        #expect(
            lines(post("\(fields)Content-Length: 1\r\n", "a")) == [
                "POST /transaction a", "close",
            ])
    }

    @Test(arguments: [
        "Expect: 100-continue, x\r\n", "Expect: x,\r\n", "Expect: ,x,100-continue\r\n",
        "Expect:\r\nExpect: x\r\n", "Expect: x\r\nExpect: 100-continue\r\n",
        "Expect: 100-continue x\r\n", "Expect: 100-continue;a\r\n", "Expect: \"\"\r\n",
        "Expect: 100-continue=\r\n", "Expect: 100\r\n",
    ])
    func `an unknown expectation is 417 at every position of the list`(fields: String) {
        expect(.expectationUnknown, post("\(fields)Content-Length: 1\r\n", "a"))
    }

    // MARK: - Connection (RFC 9110 §7.6.1)

    @Test(arguments: [
        ("", true), (",", true), (" , ,\t", true), ("a,,b", true), ("closed", true),
        ("close,", false), (",close", false), (", ,Close , ,", false), ("a,, CLOSE", false),
        ("keep-alive,,close", false),
    ])
    func `empty connection options are passed over`(value: String, keepsAlive: Bool) {
        let requests = post("Connection: \(value)\r\nContent-Length: 1\r\n", "a") + get()
        #expect(
            lines(requests)
                == (keepsAlive
                    ? ["POST /transaction a", "GET /health ", "close"]
                    : ["POST /transaction a", "linger", "close"]))
    }

    // MARK: - Content-Encoding (RFC 9110 §8.4)

    @Test(arguments: [
        ("Content-Encoding:\r\n", false), ("Content-Encoding: ,\r\n", false),
        ("Content-Encoding: identity\r\n", false), ("content-encoding: IDENTITY\r\n", false),
        ("Content-Encoding: , identity ,\r\n", false),
        ("Content-Encoding: identity, Identity\r\n", false),
        ("Content-Encoding: identity\r\nContent-Encoding:\r\n", false),
        ("Content-Encoding: gzip\r\n", true), ("Content-Encoding: GZIP,\r\n", true),
        ("Content-Encoding: identity, br\r\n", true), ("Content-Encoding: x\r\n", true),
        ("Content-Encoding: identity\r\nContent-Encoding: zstd\r\n", true),
        ("Content-Encoding: deflate\r\nContent-Encoding: identity\r\n", true),
        ("Content-Encoding: identity;q=1\r\n", true), ("Content-Encodings: gzip\r\n", false),
    ])
    func `a content coding other than identity is detected at every position`(
        fields: String, isEncoded: Bool
    ) throws {
        #expect(try head(fields).head.isEncoded == isEncoded)
        #expect(
            lines(post("\(fields)Content-Length: 1\r\n", "a")) == [
                "POST /transaction a", "close",
            ])
    }

    // MARK: - Accept (RFC 9110 §12.5.1)

    @Test(
        arguments: [
            ("", nil), ("Accept:\r\n", ""), ("Accept: a/b\r\n", "a/b"),
            ("Accept: a/b\r\nX: c/d \r\naccept:\te/f;q=1 \r\n", "a/b,e/f;q=1"),
            ("Accept:\r\nAcceptable: c/d\r\nACCEPT: e/f\r\nAccept: g/h\r\n", "e/f,g/h"),
        ] as [(String, String?)])
    func `Accept over several lines is one list`(fields: String, value: String?) throws {
        let (head, bytes) = try head(fields)
        let accept = head.acceptedTypes(in: bytes.span)
        #expect(accept.map { String(decoding: $0, as: UTF8.self) } == value)
    }

    @Test func `an Accept of more than a kilobyte is as if it were not there`() throws {
        let most = RequestHead.acceptBytesMax
        let type = "application/health+json,"
        for (count, isNamed) in [(most, true), (most + 1, false)] {
            let list = type + String(repeating: "a", count: count - type.utf8.count)
            let (head, bytes) = try head("Accept: \(list)\r\n")
            #expect(head.acceptedTypes(in: bytes.span)?.count == (isNamed ? count : nil))
        }
    }

    @Test(arguments: [
        ("", 0), ("a/b", 1_000), ("A/B ; X=1;Q=0.25", 250), ("c/d, ,\ta/b;q=0.001\t", 1),
        ("a/b;q=1.000", 1_000), ("a/b;q=0", 0), ("a/b;q=0.5;y=2", 500), ("a/b;q=1.", 1_000),
        ("a/b;q=0.2,a/b;q=0.7,a/b;q=0.1", 700), ("a/bc,a/,*/*,x a/b,;a/b", 0),
        ("a/b;version=1", 1_000), ("a/b; Version=\"1\" ;q=0.3", 300), ("a/b;version=2", 0),
        ("a/b;version=2,a/b;q=0.4", 400),
        // Malformed weights (RFC 9110 §12.4.2).
        ("a/b;q=", 0), ("a/b;q=nan", 0), ("a/b;q=2", 0), ("a/b;q=-1", 0), ("a/b;q=1.001", 0),
        ("a/b;q=0.0001", 0), ("a/b;q=0,5", 0), ("a/b;q=10", 0), ("a/b;q=0.x", 0),
        ("a/b;q=\u{A0}", 0),
    ])
    func `a media range has the highest weight of its elements`(list: String, weight: Int) {
        let accepted = AcceptedTypes(Array(list.utf8))
        #expect(accepted.weight(of: "a/b", versions: ["1", "\"1\""]) == weight)
    }

    // MARK: - Limits

    @Test(arguments: ["Connection", "Expect", "Content-Encoding"], [1, 16])
    func `lists have a bound together, empty elements included, and beyond it are 431`(
        name: String, fieldCount: Int
    ) throws {
        let each = Grammar.listElementsMax / fieldCount
        let field = "\(name):" + String(repeating: ",", count: each - 1) + "\r\n"
        let fields = String(repeating: field, count: fieldCount)
        #expect(lines(get(fields)) == ["GET /health ", "close"])
        for other in ["Connection", "Expect", "Content-Encoding"] {
            expect(.fieldsTooLarge, get("\(fields)\(other): a\r\n"))
        }
    }
}
