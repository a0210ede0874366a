import Testing

@testable import CoreAPIBase
@testable import CoreAPIHTTP

@Suite struct ResponseEncoderTests {
    private func text(
        _ response: Response, omitsBody: Bool = false,
        _ persistence: ResponseEncoder.Persistence = .implied, at seconds: Int64 = 784_111_777
    ) -> String {
        let encoder = ResponseEncoder()
        var output: [UInt8] = []
        let input = Array("id".utf8)
        encoder.append(
            response, .given(0..<2), input.span, to: &output, omitsBody: omitsBody,
            persistence,
            now: UnixTime(seconds: seconds))
        return String(decoding: output, as: UTF8.self)
    }

    @Test func `an answer has a date, a type and a length`() {
        let response = Response(
            status: .ok, contentType: "application/json", body: Array("{}".utf8))
        #expect(
            text(response)
                == "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "X-Request-Id: id\r\nContent-Type: application/json\r\n"
                + "Content-Length: 2\r\n\r\n{}")
    }

    @Test func `HEAD has the fields and not the body (RFC 9110 §9.3.2)`() {
        let response = Response(
            status: .ok, contentType: "application/json", body: Array("{}".utf8))
        #expect(text(response, omitsBody: true).hasSuffix("Content-Length: 2\r\n\r\n"))
    }

    @Test func `all fields together have room`() {
        let longest = "Bearer error=\"invalid_token\", error_description=\"longer than any\""
        var fields = ResponseFields()
        fields.add("Idempotent-Replayed", "true")
        fields.add("Allow", "GET, HEAD, POST, OPTIONS")
        fields.add("Retry-After", "\(Int.max)")
        fields.add("WWW-Authenticate", longest)
        let type: StaticString = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        let response = Response(
            status: .versionNotSupported, contentType: type, fields: fields,
            body: [UInt8](repeating: 0x20, count: 99_999))
        let encoder = ResponseEncoder()
        var output: [UInt8] = []
        let input = [UInt8](repeating: UInt8(ascii: "i"), count: RequestID.lengthMax)
        encoder.append(
            response, .given(0..<input.count), input.span, to: &output, omitsBody: false,
            .keepAlive, now: UnixTime(seconds: 784_111_777))
        let head = String(decoding: output.dropLast(99_999), as: UTF8.self)
        for line in [
            "HTTP/1.1 505 HTTP Version Not Supported", "Content-Length: 99999",
            "Content-Type: \(type)",
            "X-Request-Id: \(String(decoding: input, as: UTF8.self))",
            "Idempotent-Replayed: true", "Allow: GET, HEAD, POST, OPTIONS",
            "Retry-After: \(Int.max)", "WWW-Authenticate: \(longest)", "Connection: keep-alive",
        ] {
            #expect(head.contains("\(line)\r\n"), "\(line)")
        }
        #expect(head.hasSuffix("\r\n\r\n"))
    }

    @Test func `204 has no length (RFC 9110 §8.6)`() {
        var fields = ResponseFields()
        fields.add("Allow", "GET")
        let answer = text(Response(status: .noContent, fields: fields))
        #expect(!answer.contains("Content-Length"))
        #expect(answer.contains("\r\nAllow: GET\r\n"))
    }

    @Test func `an answer written at once is the one of its fields and its body`() {
        var fields = ResponseFields()
        fields.add("Allow", "GET")
        let parts = Response(
            status: .ok, contentType: "text/plain", fields: fields, body: Array("body".utf8))
        let whole = Response(
            status: .ok, contentType: "text/plain", content: Array("\r\nAllow: GETbody".utf8),
            bodyStart: 12)
        #expect(text(whole) == text(parts))
        #expect(whole.body == Array("body".utf8) && parts.body == whole.body)
    }

    @Test func `an answer has a Connection field unless the default applies`() {
        let response = Response(status: .ok)
        #expect(!text(response).contains("Connection"))
        #expect(text(response, .close).contains("\r\nConnection: close\r\n"))
        #expect(text(response, .keepAlive).contains("\r\nConnection: keep-alive\r\n"))
    }

    @Test(
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ] as [(Int64, String)])
    func `a date is in the format of RFC 9110 §5.6.7`(seconds: Int64, date: String) {
        #expect(HTTPDate.text(UnixTime(seconds: seconds)) == Array(date.utf8))
    }

    @Test func `the date follows the clock`() {
        let encoder = ResponseEncoder()
        var output: [UInt8] = []
        let input = Array("id".utf8)
        for second: Int64 in [10, 10, 11] {
            encoder.append(
                Response(status: .ok), .made(RequestNumber()), input.span, to: &output,
                omitsBody: false, .implied,
                now: UnixTime(seconds: second))
        }
        let dates = String(decoding: output, as: UTF8.self).split(separator: "\r\n").filter {
            $0.hasPrefix("Date")
        }
        #expect(dates.map { $0.suffix(6) } == ["10 GMT", "10 GMT", "11 GMT"])
    }
}
