import Testing

@testable import CoreAPIHTTP

/// The rules of RFC 9112 for bodies: lengths, chunks, trailers.
@Suite struct RequestBodyRulesTests: RequestRules {
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

    @Test(arguments: ["\u{0}", "\u{1B}", "\u{7F}", "\r"])
    func `a backslash does not let a control character into a chunk extension (RFC 9110 §5.6.4)`(
        control: String
    ) {
        expectMalformed(
            .chunkExtension,
            post(
                "Transfer-Encoding: chunked\r\n", "3;a=\"\\\(control)\"\r\nabc\r\n0\r\n\r\n"))
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

    @Test func `a chunked body has up to 16 KiB, in chunks of any size`() {
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

    @Test func `a line of chunks has 4 KiB, its end included`() {
        func text(_ count: Int) -> String { String(repeating: "a", count: count) }
        for (extended, trailer) in [(4_092, 4_091), (4_093, 4_092)] {
            let chunk = post(
                "Transfer-Encoding: chunked\r\n", "1;\(text(extended))\r\nb\r\n0\r\n\r\n")
            let trailed = post(
                "Transfer-Encoding: chunked\r\n", "1\r\nb\r\n0\r\nA: \(text(trailer))\r\n\r\n")
            if extended == 4_092 {
                #expect(lines(chunk) == ["POST /transaction b", "close"])
                #expect(lines(trailed) == ["POST /transaction b", "close"])
            } else {
                expect(.bodyTooLarge, chunk)
                expect(.bodyTooLarge, trailed)
            }
        }
    }

    @Test func `the bytes after a chunked body are the next request`() {
        let chunks = String(repeating: "1;x=\"y\"\r\na\r\n", count: 50)
        let first = post("Transfer-Encoding: chunked\r\n", "\(chunks)0\r\nA: b\r\n\r\n")
        let second = post("Transfer-Encoding: chunked\r\n", "2\r\nbc\r\n0\r\n\r\n")
        #expect(
            lines(first + second + get()) == [
                "POST /transaction \(String(repeating: "a", count: 50))", "POST /transaction bc",
                "GET /health ", "close",
            ])
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
}
